"""Tools to test kaito and its plugins with: a model server that misbehaves on demand, and a terminal.

In a plugin's `conftest.py`::

    pytest_plugins = ["kaito.testing.fixtures"]

and in its tests::

    from kaito.testing import Cut, Say, Status

    def test_an_answer(model_server, kaito):
        model_server.enqueue(Status(429, retry_after=0), Say("Hello"))
        outcome = kaito("chat", "--endpoint", model_server.url, "-m", "Hi", plugins="my-plugin")
        assert (outcome.code, outcome.out) == (0, "Assistant: Hello\\n")
        assert model_server.chats[-1].last_message == "Hi"

The fixtures are described in :mod:`kaito.testing.fixtures`. Everything here works without pytest too; only
:class:`TerminalSession`, and :func:`play`, which plays a recorded session on one, need `pyte` and a POSIX system.
`pip install 'kaito[test]'` brings all.
"""

from kaito.testing.exchange import ClientGone, Exchange, Request
from kaito.testing.gate import Gate
from kaito.testing.model_server import ModelServer
from kaito.testing.recording import play
from kaito.testing.refused import refused_url
from kaito.testing.replies import CloseBeforeHead, Cut, ErrorEvent, Hang, HtmlPage, Raw, Redirect, Reply, Status
from kaito.testing.request_log import Disconnect
from kaito.testing.runner import Outcome, kaito_command, run_kaito
from kaito.testing.say import Say, echo
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
    "Redirect",
    "Reply",
    "Request",
    "Say",
    "Status",
    "TerminalSession",
    "echo",
    "kaito_command",
    "play",
    "refused_url",
    "run_kaito",
]
