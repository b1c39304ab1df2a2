"""The layout: names, docstrings and lengths of modules, and the folders that docs/architecture.md names."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import kaito

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


@pytest.mark.parametrize("name", ["deploy", "models"])
def test_these_subcommands_need_nothing_but_the_public_names(name):
    own = ("kaito.subcommands.deploy", "kaito.subcommands.models")
    for module in (PACKAGE / "subcommands" / name).glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kaito"):
                assert node.module == "kaito" or str(node.module).startswith(own), f"{module}: {node.module}"
                assert node.module != "kaito" or {alias.name for alias in node.names} <= set(kaito.__all__)
            elif isinstance(node, ast.Import):
                assert not any(alias.name.startswith("kaito") for alias in node.names)
        source = module.read_text("utf-8")
        assert ".invocation" not in source
        assert ".given" not in source
