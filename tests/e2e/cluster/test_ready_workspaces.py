"""Without `--workspace-name`: at a terminal the ready workspaces follow the error, in scripts nothing is contacted."""

import shlex
import socket
import time

import pytest

from kaito.testing import kaito_command, run_kaito

ERROR = "❌ Error: --workspace-name is required\n   Without a cluster, use --endpoint URL\n"


@pytest.fixture
def missing(terminal, namespace, monkeypatch):
    """Return a function that runs a command at a terminal; it returns the exit code and the screen."""
    monkeypatch.setenv("KUBECONFIG", str(namespace.kubeconfig("admin")))

    def missing(*arguments, columns=120, **env):
        session = terminal(kaito_command(*arguments), columns=columns, env=env)
        return session.wait_exit(), session.transcript.rstrip() + "\n"

    return missing


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["chat"], "kaito chat"),
        (["chat", "-m", "What is this?"], "kaito chat -m 'What is this?'"),
        (["forward", "--port", "0"], "kaito forward --port 0"),
        (["get-endpoint"], "kaito get-endpoint"),
    ],
)
def test_the_ready_workspaces_are_commands_to_paste(namespace, missing, arguments, command):
    namespace.workspace("my-llama")
    namespace.pending_workspace("pending")
    namespace.tuning_workspace("tuning")
    namespace.inference_set("phi", {"phi-a": None})
    code, screen = missing(*arguments)
    assert code == 2
    hint = "" if arguments[0] == "get-endpoint" else "   Without a cluster, use --endpoint URL\n"
    assert screen == (
        f"❌ Error: --workspace-name is required\n{hint}"
        f"   Ready in namespace {namespace.name}, context test:\n"
        f"     {command} --workspace-name my-llama\n"
        f"     {command} --workspace-name phi-a\n"
        f"     {command} --workspace-name inferenceset/phi\n"
    )


def test_a_pasted_command_works(namespace, missing, server, terminal):
    namespace.workspace("my-llama", port=server.port)
    _, screen = missing("chat", "-m", "Is it you?")
    line = screen.splitlines()[-1].strip()
    assert line.startswith("kaito chat -m")
    outcome = run_kaito(*shlex.split(line)[1:])
    assert (outcome.code, outcome.out) == (0, "Assistant: Is it you?\n")


def test_those_of_other_namespaces_follow_when_the_namespace_has_none(namespace, missing):
    namespace.workspace("my-llama")
    code, screen = missing("chat", "-n", "empty", "--temperature", "0.1")
    assert code == 2
    assert "   Ready in context test:\n" in screen
    assert f"     kaito chat --temperature 0.1 -n {namespace.name} --workspace-name my-llama\n" in screen


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["-n", "empty", "-m", "-none"], "-m -none -n NAMESPACE --workspace-name my-llama"),
        (["-nempty", "--system-prompt", "-n", "--"], "--system-prompt -n -n NAMESPACE --workspace-name my-llama --"),
        (["--namespace=empty", "-m", "a\x1b[31mb"], "--workspace-name my-llama -n NAMESPACE"),
    ],
)
def test_values_that_look_like_flags_are_kept(namespace, missing, server, arguments, kept):
    namespace.workspace("my-llama", port=server.port)
    _, screen = missing("chat", *arguments)
    line = f"     kaito chat {kept.replace('NAMESPACE', namespace.name)}\n"
    assert line in screen
    assert run_kaito(*shlex.split(line)[1:], stdin="").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--header", "X-Key: sesame"],
        ["--header=X-Key: sesame"],
        ["--extra-body", '{"api_key": "sesame"}'],
        ["-m", "Authorization: Bearer sesame"],
    ],
)
def test_a_secret_is_not_repeated(namespace, missing, arguments):
    namespace.workspace("my-llama")
    _, screen = missing("chat", "-n", namespace.name, *arguments)
    assert f"     kaito chat --workspace-name my-llama -n {namespace.name}\n" in screen
    assert "sesame" not in screen


def test_a_command_that_lists_all_has_the_flags_of_the_cluster(namespace, missing):
    path = namespace.kubeconfig("admin")
    flags = ["--context", "test", "--kubeconfig", str(path)]
    shown = shlex.join(flags)
    _, screen = missing("chat", *flags, columns=400, KUBECONFIG="/does/not/exist")
    assert f"No workspace is ready in context test; 'kaito status -A {shown}' lists all\n" in screen
    for number in range(9):
        namespace.workspace(f"w-{number}")
    _, screen = missing("chat", "-n", namespace.name, *flags, columns=400, KUBECONFIG="/does/not/exist")
    assert f"  and 1 more; 'kaito status -n {namespace.name} {shown}' lists all\n" in screen
    _, screen = missing("chat", "-n", "empty", *flags, columns=400, KUBECONFIG="/does/not/exist")
    assert f"  and 1 more; 'kaito status -A {shown}' lists all\n" in screen


def test_a_script_contacts_nothing(namespace, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        monkeypatch.setenv("KUBECONFIG", kubeconfig(namespace, listener))
        outcome = run_kaito("chat", "-m", "Hi", stdin="")
        assert (outcome.code, outcome.out, outcome.err) == (2, "", ERROR)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_an_unreachable_cluster_adds_nothing(namespace, missing):
    code, screen = missing("chat", KUBECONFIG=str(namespace.kubeconfig("down")))
    assert (code, screen) == (2, ERROR)
    code, screen = missing("chat", KUBECONFIG="/does/not/exist")
    assert (code, screen) == (2, ERROR)
    code, screen = missing("chat", KUBECONFIG=str(namespace.kubeconfig("nobody")))
    assert (code, screen) == (2, ERROR)


def test_a_cluster_that_hangs_is_given_up_after_two_seconds(namespace, missing, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        begun = time.monotonic()
        code, screen = missing("chat", KUBECONFIG=kubeconfig(namespace, listener))
        assert (code, screen) == (2, ERROR)
        assert time.monotonic() - begun >= 2


def test_ctrl_c_ends_the_lookup(terminal, namespace):
    codes = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # On a busy machine the two seconds may be over first.
        while 130 not in codes and len(codes) < 10:
            session = terminal(kaito_command("chat"), env={"KUBECONFIG": kubeconfig(namespace, listener)})
            session.wait_for("--endpoint URL")
            session.press("ctrl-c")
            codes.append(session.wait_exit())
            assert session.transcript.startswith(ERROR.rstrip())
    assert codes[-1] == 130


def kubeconfig(namespace, listener):
    """Return the path of a kubeconfig whose API server is a socket that never responds."""
    path = namespace.kubeconfig("admin")
    text = path.read_text()
    port = listener.getsockname()[1]
    server = next(word for word in text.replace('"', " ").split() if word.startswith("https://"))
    hanging = path.with_name(f"hanging-{port}")
    hanging.write_text(text.replace(server, f"https://127.0.0.1:{port}"))
    hanging.chmod(0o600)
    return str(hanging)
