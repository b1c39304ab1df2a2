"""Sphinx: the reference of hooks, public types and the command line, from the docstrings. It needs no network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

sys.path.insert(0, str(Path(__file__).parent))

import command_line

import kaito
from kaito import hookspecs, types
from kaito.types import extensions as _extensions

# Annotations are evaluated, and these names are imported by type checkers only.
vars(_extensions)["ShellContext"] = kaito.ShellContext
vars(hookspecs).update({name: getattr(types, name) for name in types.__all__}, Settings=kaito.Settings)

project = "kaito"
version = release = kaito.__version__
extensions = ["sphinx.ext.autodoc"]
html_theme = "alabaster"
html_show_sourcelink = False
html_copy_source = False
exclude_patterns = ["_build"]
# In docstrings, `name` is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
# Names are shown as a plugin writes them.
add_module_names = False
python_use_unqualified_type_names = True


def setup(app: Sphinx) -> None:
    """Connect what is ours."""
    app.connect("builder-inited", _write_pages)
    app.connect("autodoc-process-docstring", _convert)
    app.connect("missing-reference", _resolve)


def _write_pages(app: Sphinx) -> None:
    command_line.write_pages(Path(app.srcdir) / "generated")


def _convert(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Convert sections such as `Args:`. The extension would read `type: text` in the sentence about an attribute."""
    lines[:] = GoogleDocstring(lines, Config(), app, "object", name, obj, options).lines()


def _resolve(app: Sphinx, env: Any, node: Element, content: Element) -> Element | None:
    """Resolve a name that is documented where it is public: `kaito.types.Reply` and `Reply` are `kaito.Reply`."""
    domain = env.get_domain("py")
    for part in (_without_module(node.get("reftarget", "")), node.get("reftarget", "")):
        known = [name for name in domain.objects if part and name in (part, f"kaito.{part}", f"kaito.hookspecs.{part}")]
        if known:
            found: Element | None = domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", known[0], node, content
            )
            return found
    return None


def _without_module(name: str) -> str:
    parts = name.split(".")
    return ".".join(part for place, part in enumerate(parts) if part[:1].isupper() or place == len(parts) - 1)
