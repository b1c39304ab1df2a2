"""The pictures of the README and the guide: recorded sessions, drawn. `tox run -e pictures` writes them anew."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from docs import pictures
from docs.repository import DOCS
from kaito.testing import Say, replay
from tests.controlplane import Namespace

FOLDER = DOCS / pictures.FOLDER

#: Runs kaito as its own program would. An age is a different one in each run, and a picture is not.
PROGRAM = f"""\
#!{sys.executable}
from kaito.util import durations

durations.age = lambda timestamp, now=None: "12m" if durations.parse_timestamp(timestamp) else "-"

from kaito.cli import main

sys = __import__("sys")
sys.exit(main())
"""


@pytest.fixture
def team(control_plane):
    """Yield the namespace of the pictures."""
    with Namespace(control_plane, "team-a") as namespace:
        yield namespace


@pytest.fixture
def shell(terminal, team, tmp_path, monkeypatch):
    """Return a function that starts a shell whose kubeconfig selects the namespace."""
    monkeypatch.setenv("KAITO_PLUGINS", "rich")
    program = tmp_path / "kaito"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    rc = tmp_path / "rc"
    rc.write_text(
        f"PATH={shlex.quote(str(tmp_path))}:$PATH PS1='$ '\nunset HISTFILE\nbind 'set enable-bracketed-paste off'\n"
    )
    env = {"KUBECONFIG": str(team.kubeconfig("admin", "gpu-cluster"))}
    command = ["bash", "--noprofile", "--rcfile", str(rc), "-i"]
    return lambda columns=80: terminal(command, env=env, columns=columns, rows=40)


@pytest.fixture
def picture(request):
    """Return a function that compares a picture with a session, or writes it with `--write-pictures`."""

    def picture(session, name, title, *, columns=80, replacing=None):
        rows = pictures.read_rows(session.raw, columns, 40, replacing)
        while rows and re.fullmatch(r"(\$ exit|exit|\$ ?)?", "".join(cell.text for cell in rows[-1])):
            rows.pop()
        drawn, file = pictures.draw(rows, columns, title), FOLDER / f"{name}.svg"
        if request.config.getoption("--write-pictures"):
            FOLDER.mkdir(exist_ok=True)
            file.write_text(drawn, "utf-8")
        assert file.read_text("utf-8") == drawn, "The picture is not what kaito shows: tox run -e pictures"

    return picture


def test_the_first_chat(shell, team, server, picture):
    server.model = "llama-3.1-8b-instruct"
    server.enqueue(
        Say("The smallest unit that Kubernetes runs: one or more containers."),
        Say("Usually one. A second one joins it if both must share a node."),
    )
    team.workspace("my-llama", port=server.port, preset="llama-3.1-8b-instruct")
    session = shell()
    replay(
        session,
        """
        $ «kaito chat --workspace-name my-llama»‹enter›
        🤖 Connected to workspace: my-llama (llama-3.1-8b-instruct)
        💬 Type your message (or 'quit' to exit):
        (context gpu-cluster, namespace team-a, backend port-forward)

        > «What is a Pod?»‹enter›
        Assistant: The smallest unit that Kubernetes runs: one or more containers.

        > «How many containers should it have?»‹enter›
        Assistant: Usually one. A second one joins it if both must share a node.

        > «quit»‹enter›
        👋 Goodbye!
        $ ‹ctrl-d›exit
        """,
        code=0,
    )
    picture(session, "first-chat", "A chat with a model in the cluster")


def test_status(shell, team, server, picture):
    team.workspace("my-llama", port=server.port, preset="llama-3.1-8b-instruct")
    team.pending_workspace("my-phi", preset="phi-4-mini-instruct")
    session = shell(96)
    replay(
        session,
        """
        $ «kaito status»‹enter›
        (context gpu-cluster, namespace team-a)
        NAME       READY   MODEL                   RUNTIME   INSTANCE                   NODES   AGE
        my-llama   yes     llama-3.1-8b-instruct   vllm      Standard_NC24ads_A100_v4   1/1     12m
        my-phi     no      phi-4-mini-instruct     vllm      Standard_NC24ads_A100_v4   0/1     12m
          NodeClaimReady is False (nodeClaimNotReady: 1 nodeClaim is not ready)
        $ ‹ctrl-d›exit
        """,
        code=0,
    )
    picture(session, "status", "The workspaces of a namespace, and why one is not ready", columns=96)


def test_a_wait(shell, team, server, picture):
    workspace = team.workspace("my-phi", port=server.port, preset="phi-4-mini-instruct", ready=False)
    session = shell()
    server.model = "phi-4-mini-instruct"
    server.enqueue(Say("7"))
    replay(
        session,
        """
        $ «kaito chat --workspace-name my-phi --wait»‹enter›
        Waiting for 'my-phi': InferenceReady is False (WorkspaceInferenceStatusPending:
          waiting for the pod to be ready)
        waiting … s‹picture›‹ready›
        ↺🤖 Connected to workspace: my-phi (phi-4-mini-instruct)
        💬 Type your message (or 'quit' to exit):
        (context gpu-cluster, namespace team-a, backend port-forward)

        > ‹ctrl-d›
        👋 Goodbye!
        $ ‹ctrl-d›exit
        """,
        code=0,
        picture=lambda: picture(session, "wait", "Waiting for a workspace", replacing={r"\d+ s$": "42 s"}),
        ready=lambda: workspace.set_ready(True),
    )


MARKDOWN = """\
## Rolling back

1. Look at the history:
   ```sh
   kubectl rollout history deployment/web
   ```
2. Go back **one** revision:
   ```sh
   kubectl rollout undo deployment/web
   ```

| flag | effect |
| --- | --- |
| `--to-revision` | selects a revision |
| `--dry-run` | changes nothing |
"""


def test_markdown(shell, team, server, picture):
    server.enqueue(Say(MARKDOWN))
    server.model = "llama-3.1-8b-instruct"
    team.workspace("my-llama", port=server.port, preset="llama-3.1-8b-instruct")
    session = shell()
    replay(
        session,
        """
        $ «kaito chat --workspace-name my-llama -o markdown»‹enter›
        🤖 Connected to workspace: my-llama (llama-3.1-8b-instruct)
        💬 Type your message (or 'quit' to exit):
        (context gpu-cluster, namespace team-a, backend port-forward)

        > «How do I roll back a Deployment?»‹enter›
        Assistant:
        Rolling back

        1. Look at the history:
           ╭─ sh
           kubectl rollout history deployment/web
           ╰─
        2. Go back one revision:
           ╭─ sh
           kubectl rollout undo deployment/web
           ╰─

        ┌───────────────┬────────────────────┐
        │ flag          │ effect             │
        ├───────────────┼────────────────────┤
        │ --to-revision │ selects a revision │
        │ --dry-run     │ changes nothing    │
        └───────────────┴────────────────────┘

        > ‹ctrl-d›
        👋 Goodbye!
        $ ‹ctrl-d›exit
        """,
        code=0,
    )
    picture(session, "markdown", "An answer in Markdown")


def test_an_error(shell, team, server, picture):
    team.workspace("my-llama", port=server.port, preset="llama-3.1-8b-instruct")
    team.pending_workspace("my-phi", preset="phi-4-mini-instruct")
    team.event("my-phi-0", "FailedScheduling", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")
    session = shell()
    replay(
        session,
        """
        $ «kaito chat --workspace-name my-lama»‹enter›
        ❌ Error: Workspace 'my-lama' not found in namespace 'team-a'
           Did you mean 'my-llama'?
           To list all workspaces: kaito status -A
        $ «kaito chat --workspace-name my-phi»‹enter›
        ❌ Error: Workspace 'my-phi' is not ready for inference
           Use 'kubectl kaito status --workspace-name my-phi' to check status
           NodeClaimReady is False (nodeClaimNotReady: 1 nodeClaim is not ready)
           Pod my-phi-0 is not ready yet (Pending)
           Latest pod event: FailedScheduling: 0/3 nodes are available: 3 Insufficient
             nvidia.com/gpu.
           To wait until it is ready, use --wait
        $ ‹ctrl-d›exit
        """,
        code=3,
    )
    picture(session, "error", "Errors say what failed, why, and what to do")
