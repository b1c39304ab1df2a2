"""The layout: names, docstrings and lengths of modules, and the folders that docs/architecture.md names."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kaito"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in MODULES} - {PACKAGE})
LONGEST = 400


def relative(path):
    return path.relative_to(PACKAGE).as_posix()


def test_the_names_of_modules_are_unique():
    names = Counter(path.name for path in MODULES if path.name != "__init__.py")
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("module", MODULES, ids=relative)
def test_a_module_begins_with_one_line_about_its_job_and_is_short(module):
    source = module.read_text("utf-8")
    first, *rest = (ast.get_docstring(ast.parse(source)) or "").split("\n")
    assert first
    assert rest[:1] in ([], [""])
    assert len(source.splitlines()) <= LONGEST


@pytest.mark.parametrize("folder", FOLDERS, ids=relative)
def test_the_architecture_names_each_folder(folder):
    names = re.findall(r"`([\w/]+?)/?`", ARCHITECTURE)
    assert {folder.name, relative(folder)} & set(names)
