"""pytest fixtures. Use them with `pytest_plugins = ["kaito.testing.fixtures"]` in your `conftest.py`.

- `clean_environment` (for every test): nothing of the user's settings is seen, and no ambient plugin is loaded.
- `model_server`: a started :class:`~kaito.testing.ModelServer`.
- `refused_url`: the URL of a port that refuses connections.
- `terminal`: starts a program on a terminal; see :class:`~kaito.testing.TerminalSession`.
- `kaito`: runs the command line; see :func:`~kaito.testing.run_kaito`.
"""

from __future__ import annotations

import contextlib
import os
import site
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kaito.testing import refused
from kaito.testing.model_server import ModelServer
from kaito.testing.runner import Outcome, run_kaito
from kaito.testing.terminal_session import TerminalSession

#: Beginnings of the variables that are removed, whatever their letters' case.
_PREFIXES = ("KAITO_", "OPENAI_", "CLICOLOR", "KUBERNETES_", "LC_TERMINAL")
_ENDINGS = ("_PROXY",)
_NAMES = frozenset(
    (
        "COLORTERM",
        "COLUMNS",
        "EDITOR",
        "FORCE_COLOR",
        "INPUTRC",
        "KUBECONFIG",
        "LESS",
        "LINES",
        "NETRC",
        "NO_COLOR",
        "PAGER",
        "PYTHONSTARTUP",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "VISUAL",
        "XDG_RUNTIME_DIR",
    )
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the test an environment in which nothing of the user's is left, and return its `HOME`, a new folder.

    The XDG folders are below it. `KAITO_PLUGINS` is empty: what is installed beside kaito is not loaded. A plugin's
    own tests name it: `kaito(…, plugins="my-plugin")`, or `monkeypatch.setenv("KAITO_PLUGINS", "my-plugin")`.
    """
    # packages that were installed for the user alone are found from HOME
    monkeypatch.setenv("PYTHONUSERBASE", site.getuserbase())
    for name in list(os.environ):
        upper = name.upper()
        if upper.startswith(_PREFIXES) or upper.endswith(_ENDINGS) or upper in _NAMES:
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    for name, folder in {
        "XDG_CACHE_HOME": ".cache",
        "XDG_CONFIG_HOME": ".config",
        "XDG_DATA_HOME": ".local/share",
        "XDG_STATE_HOME": ".local/state",
    }.items():
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("KAITO_PLUGINS", "")
    return home


@pytest.fixture
def model_server() -> Iterator[ModelServer]:
    """Yield a started server with its defaults; its options are attributes that the test may set."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def refused_url() -> Iterator[str]:
    """Yield the base URL of a port that refuses connections."""
    with refused.refused_url() as url:
        yield url


@pytest.fixture
def terminal(clean_environment: Path) -> Iterator[Callable[..., TerminalSession]]:
    """Yield :class:`~kaito.testing.TerminalSession` itself; what the test starts with it is closed after the test."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> TerminalSession:
            return stack.enter_context(TerminalSession(*arguments, **options))

        yield start


@pytest.fixture
def kaito(clean_environment: Path) -> Callable[..., Outcome]:
    """Return :func:`~kaito.testing.run_kaito`."""
    return run_kaito
