"""Completion: the protocol, the scripts in real shells, and kubectl."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig

import pytest

from kaito.plugin.built_in import SUBCOMMANDS
from kaito.testing import TerminalSession, child_environment
from tests.history.talks import kept

SCRIPTS = sysconfig.get_path("scripts")
#: Arguments that keep each shell from reading settings, and what it needs before the script.
SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], ""),
    "zsh": (["-f", "-i"], "autoload -U compinit && compinit -D; "),
    "fish": (["--no-config", "-i"], ""),
}
SOURCE = {"fish": "kaito completion fish | source"}


def add_scripts_to_path(monkeypatch):
    monkeypatch.setenv("PATH", SCRIPTS, prepend=os.pathsep)


@pytest.fixture
def complete(kaito):
    """Return the suggestions for the last word, and the directive."""

    def complete(*words, **options):
        outcome = kaito("__complete", *words, **options)
        assert (outcome.code, outcome.err) == (0, "")
        *lines, directive = outcome.out.splitlines()
        return [line.partition("\t")[0] for line in lines], directive

    return complete


@pytest.fixture
def shell(monkeypatch):
    """Start a shell that has loaded the script; return its terminal session."""
    if os.name != "posix":
        pytest.skip("this system has no pseudo-terminals")
    add_scripts_to_path(monkeypatch)
    sessions = []

    def start(name, **options):
        program = shutil.which(name)
        if program is None:
            pytest.skip(f"{name} is not installed")
        arguments, first = SHELLS[name]
        session = TerminalSession([program, *arguments], columns=120, **options)
        sessions.append(session)
        source = SOURCE.get(name, f"source <(kaito completion {name})")
        session.type(
            f"{first}{source}; echo $((6 * 7))ready\n" if name != "fish" else f"{source}; echo (math 6 x 7)ready\n"
        )
        session.wait_for("42ready", timeout=60)
        # Keys before the prompt are not completed.
        session.wait_for(lambda session: not last_line(session).endswith("ready"), timeout=60)
        return session

    yield start
    for session in sessions:
        session.close()


# The protocol


def test_commands_with_summaries(kaito):
    outcome = kaito("__complete", "")
    lines = outcome.out.splitlines()
    assert f"chat\t{SUBCOMMANDS['chat']}" in lines
    assert {line.partition("\t")[0] for line in lines[:-1]} == {*SUBCOMMANDS, "help"}
    assert lines[-1] == ":4"


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
def test_flags_of_each_command(complete, kaito, name):
    words, directive = complete(name, "--")
    shown = kaito(name, "--help").out.partition("\nUsage:")[0]
    assert directive == ":4"
    assert words
    assert all(f" {word}" in shown for word in words)
    in_help = set(re.findall(r"^ {6}(--[a-z-]+)", shown, re.MULTILINE))
    assert set(words) >= in_help


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ch", ["chat"]),
        ("he", ["help"]),
        ("help st", ["status"]),
        ("help chat x", []),
        ("nonsense ", []),
        ("chat --work", ["--workspace-name"]),
        ("chat -", None),
        ("chat --color ", ["auto", "always", "never"]),
        ("chat --color=a", ["auto", "always"]),
        ("--color a", ["auto", "always"]),
        ("--color=n", ["never"]),
        ("--colo", ["--color"]),
        ("--work", []),
        ("--vers", ["--version"]),
        ("--color never ch", ["chat"]),
        ("-v ch", ["chat"]),
        ("--color never chat -o ", ["json", "plain", "text"]),
        ("chat -oj", ["-ojson"]),
        ("chat --output=p", ["plain"]),
        ("chat --color never --color", []),
        ("chat --header x --heade", ["--header"]),
        ("chat --no-stream=", []),
        ("chat --nonsense=", []),
        ("chat --message --col", []),
        ("chat -m --color --col", ["--color"]),
        ("chat x", []),
        ("chat -- --col", []),
        ("chat --wai", ["--wait"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("completion f", ["fish"]),
        ("completion fish ", []),
        ("completion -- f", ["fish"]),
        ("completion -- fish ", []),
        ("plugins -o ", ["plain", "wide", "json", "yaml"]),
    ],
)
def test_suggestions(complete, line, words):
    found, directive = complete(*line.split(" "))
    # Values have an order, flags have none.
    assert directive == (":36" if words is not None and len(words) > 1 else ":4")
    if words is None:
        assert {"-m", "--message", "-n", "--namespace"} <= set(found)
    else:
        assert found == words


@pytest.mark.parametrize(
    "line", ["chat --script ", "chat --kubeconfig=", "--kubeconfig x", "chat --plugin ./", "--plugin "]
)
def test_file_names_are_completed_by_the_shell(complete, line):
    assert complete(*line.split(" ")) == ([], ":0")


@pytest.mark.parametrize("flag", ["--system-prompt", "--extra-body", "--header"])
def test_file_names_behind_an_at_sign(complete, tmp_path, flag):
    for name in ("review.md", "readme", "other", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts/a b.md").touch()
    for typed, words, directive in [
        ("", [], ":4"),
        ("r", [], ":4"),
        ("@", ["@other", "@prompts/", "@readme", "@review.md"], ":36"),
        ("@re", ["@readme", "@review.md"], ":36"),
        ("@pro", ["@prompts/"], ":6"),
        ("@prompts/", ["@prompts/a b.md"], ":4"),
        # Text that begins with an '@'.
        ("@@re", [], ":4"),
    ]:
        for line in ((flag, typed), (f"{flag}={typed}",)):
            assert complete("chat", *line, cwd=tmp_path) == (words, directive), line


def test_backends_and_flags_of_plugins(complete, tmp_path):
    plugin = tmp_path / "loud.py"
    plugin.write_text(
        "import sys\n"
        "from kaito import hookimpl\n"
        "print('hello')\n"
        "print('hello', file=sys.stderr)\n"
        "@hookimpl\n"
        "def kaito_add_options(command, options):\n"
        "    options.add('--redact', metavar='WORD', help='Hide it')\n"
        "    options.add('--mood', metavar='good|bad', help='Its mood')\n"
        "    options.add('--notes', metavar='FILE', help='Its notes')\n"
    )
    words, _ = complete("chat", "--backend", "")
    assert words[0] == "auto"
    assert {"url", "port-forward", "api-proxy"} <= set(words)
    line = ("chat", "--plugin", str(plugin))
    assert complete(*line, "--red") == (["--redact"], ":4")
    assert complete(*line, "--redact", "") == ([], ":4")
    assert complete(*line, "--mood=") == (["good", "bad"], ":36")
    assert complete(*line, "--notes", "") == ([], ":0")


def test_a_plugin_that_cannot_be_loaded(complete):
    assert complete("chat", "--plugin", "./nonsense.py", "--col") == (["--color"], ":4")


CONFIG = """
current-context: here
contexts:
- {name: here, context: {cluster: c, user: u, namespace: team-a}}
- {name: "arn:aws:eks:eu-1:12:cluster/one", context: {cluster: c, user: u, namespace: team-b}}
- {name: "with blank $(touch pwned)", context: {cluster: c, user: u}}
clusters:
- {name: c, cluster: {server: "https://127.0.0.1:1"}}
users:
- {name: u, user: {}}
"""
CONTEXTS = ["arn:aws:eks:eu-1:12:cluster/one", "here", "with blank $(touch pwned)"]


@pytest.fixture
def kubeconfig(tmp_path, monkeypatch):
    file = tmp_path / "config"
    file.write_text(CONFIG)
    monkeypatch.setenv("KUBECONFIG", str(file))
    return file


def test_contexts(complete, kubeconfig, monkeypatch):
    assert complete("chat", "--context", "") == (CONTEXTS, ":36")
    assert complete("--context", "he") == (["here"], ":4")
    monkeypatch.delenv("KUBECONFIG")
    assert complete("chat", "--context=") == ([], ":4")
    assert complete("chat", "--kubeconfig", str(kubeconfig), "--context=a") == (CONTEXTS[:1], ":4")
    monkeypatch.setenv("HOME", str(kubeconfig.parent))
    assert complete("chat", "--kubeconfig=~/config", "--context=a") == (CONTEXTS[:1], ":4")


def test_namespaces_of_the_contexts(complete, kubeconfig):
    kubeconfig.write_text(CONFIG.replace("clusters:", "- {name: empty, context: null}\nclusters:"))
    assert complete("chat", "-n", "") == (["team-a", "team-b"], ":36")
    assert complete("chat", "--workspace-name", "") == ([], ":4")


@pytest.mark.parametrize("content", ["{", "contexts: 5", "contexts: [{name: x, context: 7}]"])
def test_an_invalid_kubeconfig(complete, kubeconfig, content):
    kubeconfig.write_text(content)
    for flag in ("--context", "--namespace", "--workspace-name"):
        found, directive = complete("chat", flag, "")
        assert set(found) <= {"x"}
        assert directive == ":4"


def test_network_code_is_imported_only_when_needed():
    code = (
        "import sys, os\n"
        "from kaito.cli import main\n"
        "sys.argv[1:] = ['__complete', *sys.argv[1:]]\n"
        "out = os.dup(2)\n"
        "main()\n"
        "heavy = {'aiohttp', 'asyncio', 'kubernetes', 'yaml'} & set(sys.modules)\n"
        "os.write(out, ' '.join(sorted(heavy)).encode())\n"
    )
    for words in ([""], ["chat", "--"], ["--color", ""], ["chat", "--backend", ""], ["chat", "--script", ""]):
        done = subprocess.run(
            [sys.executable, "-c", code, *words], env=child_environment(), capture_output=True, text=True, check=True
        )
        assert done.stderr == "", words
        assert done.stdout.endswith(("\n:4\n", "\n:36\n", ":0\n"))


def test_stdout_is_closed():
    code = (
        "import os, sys; os.close(1); from kaito.cli import main; sys.argv[1:] = ['__complete', '']; sys.exit(main())"
    )
    done = subprocess.run([sys.executable, "-c", code], env=child_environment(), stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# The command


@pytest.mark.parametrize("name", sorted(SHELLS))
def test_scripts(kaito, name):
    outcome = kaito("completion", name)
    assert (outcome.code, outcome.err) == (0, "")
    assert "__complete" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give one of bash, zsh, fish"),
        (["tcsh"], "'tcsh' is not one of bash, zsh, fish"),
        (["bash", "zsh"], "Unexpected argument 'zsh'"),
        (["--nonsense"], "Unknown flag '--nonsense'"),
    ],
)
def test_invalid_arguments(kaito, arguments, message):
    outcome = kaito("completion", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert "See 'kaito completion --help'" in outcome.err


def test_help_shows_the_shells(kaito):
    assert "Usage:\n  kaito completion [flags] bash|zsh|fish" in kaito("completion", "--help").out


# The shells

#: What is typed before Tab, and the end of the line after it.
LINES = [
    ("kaito stat", "kaito status"),
    ("kaito chat --work", "kaito chat --workspace-name"),
    ("kaito --color nev", "kaito --color never"),
    ("kaito --color never chat --color=alw", " --color=always"),
    ("kaito chat --context=arn:aws:eks:", " --context=arn:aws:eks:eu-1:12:cluster/one"),
    ("kaito chat --context arn", " --context arn:aws:eks:eu-1:12:cluster/one"),
    ("kaito chat --context 'he", " --context 'here'"),
    ('kaito chat --context "her', ' --context "here"'),
    ("kaito chat --script no", " --script notes.txt"),
    ("kaito chat --kubeconfig=no", " --kubeconfig=notes.txt"),
    ("kaito chat --plugin x --context=her", " --context=here"),
    ("kaito chat --system-prompt @no", " --system-prompt @notes.txt"),
    ("kaito chat --extra-body=@no", " --extra-body=@notes.txt"),
    # Within a folder the name goes on.
    ("kaito chat --system-prompt @fol\t", " --system-prompt @folder/a.md"),
    ("true; kaito plug", "true; kaito plugins"),
]


def last_line(session):
    return session.screen.rpartition("\n")[2]


@pytest.mark.parametrize("name", sorted(SHELLS))
def test_a_shell_completes(shell, kubeconfig, tmp_path, name):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.md").touch()
    session = shell(name, cwd=tmp_path)
    for text, line in LINES:
        session.type(text)
        session.press("tab")
        session.wait_for(lambda session, end=line: last_line(session).endswith(end), timeout=60)
        session.press("ctrl-u")
        session.wait_for(lambda session: "kaito" not in last_line(session))


@pytest.mark.parametrize("name", sorted(SHELLS))
def test_a_shell_shows_descriptions(shell, name):
    session = shell(name)
    session.type("kaito chat --m")
    session.press("tab", "tab")
    session.wait_for("Maximum tokens in response", timeout=60)
    session.wait_for("--model", timeout=60)


@pytest.mark.parametrize("line", ["kaito chat --resume ", "kaito history show "])
@pytest.mark.parametrize("name", sorted(SHELLS))
def test_conversations_are_offered_from_the_newest_on(shell, clean_environment, name, line):
    folder = clean_environment / ".local" / "state" / "kaito"
    # So long that each has a line of its own.
    ids = [kept(folder, f"talk {number} {'x' * 60}") for number in range(6)]
    session = shell(name)
    session.type(line)
    session.press("tab", "tab")
    session.wait_for(lambda session: all(f"talk {number}" in session.screen for number in range(6)), timeout=60)
    assert sorted(ids, key=session.screen.rindex) == ids[::-1]
    assert re.search(r"\d+[smh]\d* ago: talk 0", session.screen)


@pytest.mark.parametrize("name", sorted(SHELLS))
def test_a_description_is_shown_as_it_is(shell, clean_environment, name):
    title = r"C:\temp\new 100%s $HOME `id` \\ end"
    folder = clean_environment / ".local" / "state" / "kaito"
    first = kept(folder, title)[0]
    # Bash inserts a letter that all identifiers begin with, and shows them one Tab later.
    while kept(folder, "another")[0] == first:
        pass
    session = shell(name)
    session.type("kaito history show ")
    session.press("tab", "tab")
    session.wait_for(f"ago: {title}", timeout=60)


@pytest.mark.parametrize("name", sorted(SHELLS))
def test_names_are_quoted(shell, kubeconfig, tmp_path, name):
    session = shell(name, cwd=tmp_path)
    session.type("kaito chat --context wit")
    session.press("tab")
    session.wait_for("pwned", timeout=60)
    # The name is one word, and nothing in it was run.
    session.type(" --color=nev")
    session.press("tab")
    session.wait_for("--color=never", timeout=60)
    assert not (tmp_path / "pwned").exists()


# kubectl


@pytest.fixture
def kubectl(monkeypatch):
    """Run the real kubectl, with the plugin on its PATH."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    add_scripts_to_path(monkeypatch)

    def kubectl(*arguments):
        return subprocess.run(
            [program, *arguments], env=child_environment(), capture_output=True, text=True, check=False
        )

    return kubectl


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (["cha"], ["chat\t" + SUBCOMMANDS["chat"], ":4"]),
        (["chat", "--work"], ["--workspace-name\tName of the workspace, or inferenceset/NAME", ":4"]),
        (["--context", "her"], ["here", ":4"]),
        (["chat", "--context=her"], ["here", ":4"]),
        (["chat", "--script", ""], [":0"]),
    ],
)
def test_kubectl_completes(kubectl, kubeconfig, words, lines):
    done = kubectl("__complete", "kaito", *words)
    assert done.returncode == 0
    assert done.stdout.splitlines() == lines


def test_kubectl_plugin_list(kubectl):
    done = kubectl("plugin", "list")
    listed = done.stdout.splitlines()
    assert os.path.join(SCRIPTS, "kubectl-kaito") in listed
    assert "kubectl_complete-kaito" not in done.stdout
    assert "warning" not in done.stdout + done.stderr
    assert kubectl("kaito", "--version").stdout.startswith("kaito ")
