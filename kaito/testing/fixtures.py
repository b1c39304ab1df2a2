"""pytest fixtures: add `pytest_plugins = ["kaito.testing.fixtures"]` to your `conftest.py`.

- `clean_environment` (for every test): hides the user's settings and installed plugins.
- `model_server`: a running :class:`~kaito.testing.ModelServer`.
- `start_model_server`: starts further servers, or one with options.
- `refused_url`: the URL of a port that refuses connections.
- `reporter`: a :class:`~kaito.testing.RecordingReporter`.
- `terminal`: starts a program on a terminal; see :class:`~kaito.testing.TerminalSession`.
- `kaito`: runs the command line; see :func:`~kaito.testing.run_kaito`.

Child processes of the tests start with default signal dispositions.
"""

from __future__ import annotations

import contextlib
import os
import site
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kaito.testing import model_server as servers
from kaito.testing.kaito_process import Outcome, give_children_default_signals, run_kaito
from kaito.testing.model_server import ModelServer
from kaito.testing.reporter import RecordingReporter
from kaito.testing.terminal_session import TerminalSession

# Variables that are removed, in any case: by prefix, by suffix and by name.
_PREFIXES = ("KAITO_", "OPENAI_", "CLICOLOR", "KUBERNETES_", "LC_TERMINAL")
_SUFFIXES = ("_PROXY",)
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


def pytest_configure() -> None:
    """Prepare the signals of child processes."""
    give_children_default_signals()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Remove the user's settings from the environment and return a new, empty `HOME`, which contains the XDG folders.

    `KAITO_PLUGINS` is empty, so that no installed plugin is loaded. The tests of a plugin name it:
    `kaito(…, plugins="my-plugin")`, or `monkeypatch.setenv("KAITO_PLUGINS", "my-plugin")`.
    """
    # Python finds packages of the user's own site below HOME.
    monkeypatch.setenv("PYTHONUSERBASE", site.getuserbase())
    for name in list(os.environ):
        upper = name.upper()
        if upper.startswith(_PREFIXES) or upper.endswith(_SUFFIXES) or upper in _NAMES:
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
def start_model_server() -> Iterator[Callable[..., ModelServer]]:
    """Return a function that starts a :class:`~kaito.testing.ModelServer` and takes its arguments.

    The servers are stopped after the test.
    """
    with contextlib.ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> ModelServer:
            return stack.enter_context(ModelServer(*arguments, **options))

        yield start


@pytest.fixture
def model_server(start_model_server: Callable[..., ModelServer]) -> ModelServer:
    """Return a running server with default options. They are attributes, which the test may set."""
    return start_model_server()


@pytest.fixture
def refused_url() -> Iterator[str]:
    """Yield the base URL of a port that refuses connections."""
    with servers.refused_url() as url:
        yield url


@pytest.fixture
def reporter() -> RecordingReporter:
    """Return a reporter that records what a backend reports."""
    return RecordingReporter()


@pytest.fixture
def terminal(clean_environment: Path) -> Iterator[Callable[..., TerminalSession]]:
    """Return a function that starts a :class:`~kaito.testing.TerminalSession` and takes its arguments.

    The sessions are closed after the test.
    """
    with contextlib.ExitStack() as stack:

        def start(*arguments: Any, **options: Any) -> TerminalSession:
            return stack.enter_context(TerminalSession(*arguments, **options))

        yield start


@pytest.fixture
def kaito(clean_environment: Path) -> Callable[..., Outcome]:
    """Return :func:`~kaito.testing.run_kaito`."""
    return run_kaito
