"""Test tools for kaito and its plugins: a model server with faults on demand, and a terminal.

In a plugin's `conftest.py`::

    pytest_plugins = ["kaito.testing.fixtures"]

and in its tests::

    from kaito.testing import Cut, Say, Status

    def test_an_answer(model_server, kaito):
        model_server.enqueue(Status(429, retry_after=0), Say("Hello"))
        outcome = kaito("chat", "--endpoint", model_server.url, "-m", "Hi", plugins="my-plugin")
        assert (outcome.code, outcome.out) == (0, "Assistant: Hello\\n")
        assert model_server.chats[-1].last_message == "Hi"

:mod:`kaito.testing.fixtures` describes the fixtures. Everything else works without pytest. :class:`TerminalSession` and
:func:`replay`, which replays a recorded session on it, need `pyte` and a POSIX system. `pip install 'kaito[test]'`
installs all requirements.
"""

from kaito.testing.answers import Say, echo
from kaito.testing.exchange import Exchange, Reply
from kaito.testing.faults import CloseBeforeHead, Cut, ErrorEvent, Hang, HtmlPage, Raw, Redirect, Status
from kaito.testing.gate import Gate
from kaito.testing.http_connection import ClientGone
from kaito.testing.http_messages import Request
from kaito.testing.kaito_process import Outcome, child_environment, kaito_command, run_kaito
from kaito.testing.model_server import ModelServer, refused_url
from kaito.testing.recording import replay
from kaito.testing.reporter import RecordingReporter
from kaito.testing.request_log import Disconnect
from kaito.testing.terminal_session import TerminalSession

__all__ = [
    "ClientGone",
    "CloseBeforeHead",
    "Cut",
    "Disconnect",
    "ErrorEvent",
    "Exchange",
    "Gate",
    "Hang",
    "HtmlPage",
    "ModelServer",
    "Outcome",
    "Raw",
    "RecordingReporter",
    "Redirect",
    "Reply",
    "Request",
    "Say",
    "Status",
    "TerminalSession",
    "child_environment",
    "echo",
    "kaito_command",
    "refused_url",
    "replay",
    "run_kaito",
]
