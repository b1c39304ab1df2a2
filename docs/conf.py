"""Sphinx: the guide, and the reference of hooks, public types and the command line. It needs no network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from docutils.nodes import Element
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

# The installed package comes first.
sys.path.append(str(Path(__file__).parents[1]))

import kaito
from docs import command_line, repository
from kaito import hookspecs, types
from kaito.types import extensions as _extensions

# Annotations are evaluated, and these names are imported by type checkers only.
vars(_extensions)["ShellContext"] = kaito.ShellContext
vars(hookspecs).update({name: getattr(types, name) for name in types.__all__}, Settings=kaito.Settings)

project = "kaito"
version = release = kaito.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"kaito {release}"
html_show_sourcelink = False
html_copy_source = False
exclude_patterns = ["_build"]
# Links to headings, by the names that GitHub gives them.
myst_heading_anchors = 3
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
    app.connect("source-read", _link_to_the_repository)
    app.connect("autodoc-process-docstring", _convert)
    app.connect("missing-reference", _resolve)


def _write_pages(app: Sphinx) -> None:
    command_line.write_pages(Path(app.srcdir) / "reference" / "generated")


def _link_to_the_repository(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace relative links to files that are not pages: they work in a checkout, and the site has no such files."""
    path = Path(app.env.doc2path(page))
    if path.suffix == ".md":
        source[0] = repository.with_absolute_links(source[0], path)


def _convert(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Convert sections such as `Args:`. The extension would read `type: text` in the sentence about an attribute."""
    lines[:] = GoogleDocstring(lines, Config(), app, "object", name, obj, options).lines()


def _resolve(app: Sphinx, env: Any, node: Element, content: Element) -> Element | None:
    """Resolve a name that is documented where it is public: `kaito.types.Reply` and `Reply` are `kaito.Reply`."""
    if node.get("refdomain") != "py":
        return None
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
