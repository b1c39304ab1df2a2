"""What plugins may import: kaito's own backends, formatters, commands and distributions use nothing else."""

import ast
import importlib
import inspect
import stat
from pathlib import Path

import pytest

from kaito import KaitoError, cluster, toolkit

ROOT = Path(__file__).parents[1]
PUBLIC = {"kaito", "kaito.types", "kaito.errors", "kaito.settings", "kaito.hookspecs", "kaito.testing"}
EXPORTING = {"kaito.cluster": cluster, "kaito.toolkit": toolkit}
OWN = sorted(
    path
    for pattern in (
        "kaito/endpoints/backends/*.py",
        "kaito/formatters/*.py",
        "kaito/shell/commands/*.py",
        "kaito/subcommands/models/*.py",
        "kaito/subcommands/deploy/*.py",
        "plugins/*/src/**/*.py",
    )
    for path in ROOT.glob(pattern)
)


#: They are one plugin's as far as this test is concerned: what one completes, the other lists.
TOGETHER = ("kaito.subcommands.models", "kaito.subcommands.deploy")


def imported(path):
    """Yield the names that a file imports from kaito, with their modules."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if module.split(".")[0] == "kaito" and not module.startswith(TOGETHER):
                yield from ((module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.split(".")[0] == "kaito")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_public_names_are_imported(path):
    for module, name in imported(path):
        if module in EXPORTING:
            assert name in EXPORTING[module].__all__, f"{module}.{name}"
        elif module == "kaito.formatters.plain":
            assert name == "Plain"  # others draw on it
        else:
            assert module in PUBLIC, f"{module}.{name}"
            assert not name or hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("path", [path for path in OWN if "subcommands" in path.parts], ids=lambda path: path.name)
def test_subcommands_use_the_public_part_of_their_context(path):
    members = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
    assert not members & {"invocation", "given"}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in EXPORTING for name in EXPORTING[module].__all__]
)
def test_each_exported_name_exists_and_is_documented(module, name):
    value = getattr(EXPORTING[module], name)
    assert inspect.getdoc(value) if callable(value) else name.isupper()
    assert name in EXPORTING[module]._EXPORTS


@pytest.mark.parametrize("module", EXPORTING)
def test_another_name_is_an_attribute_error(module):
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = EXPORTING[module].nothing
    assert set(EXPORTING[module]._EXPORTS) == set(EXPORTING[module].__all__)


def test_a_plugin_has_a_folder_of_its_own(clean_environment):
    folder = toolkit.data_folder("my-plugin")
    assert folder == clean_environment / ".local/share/kaito/plugins/my-plugin"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert toolkit.data_folder("my-plugin") == folder


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "/etc", "a\0b"])
def test_a_folder_needs_a_name(name):
    with pytest.raises(ValueError, match="is not the name of a plugin"):
        toolkit.data_folder(name)


def test_a_folder_that_others_can_write_is_refused(clean_environment):
    toolkit.data_folder("my-plugin").chmod(0o777)
    with pytest.raises(KaitoError, match=r"The folder of plugin 'my-plugin' cannot be used: .*can be written by other"):
        toolkit.data_folder("my-plugin")
