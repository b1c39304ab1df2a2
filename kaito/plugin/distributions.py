"""This project's plugins that are installed separately, for hints that name them."""

from __future__ import annotations

#: Distributions by the names of their backends and formatters.
_DISTRIBUTIONS = {"inventory": "kaito-inventory", "local": "kaito-local", "markdown": "kaito-rich"}


def install_hints(name: str) -> list[str]:
    """Return the lines that say how to install a backend or a formatter of this project; none for any other."""
    distribution = _DISTRIBUTIONS.get(name)
    if distribution is None:
        return []
    from kaito.util.installation import install_hint

    return [f"'{name}' comes with the plugin {distribution}, which is not installed", install_hint(distribution)]
