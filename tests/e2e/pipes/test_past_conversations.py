"""Past conversations from scripts: kept, continued, listed, exported and deleted."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import pytest
import yaml
from msgspec.structs import replace

from kaito.history.library import Library
from kaito.testing import Status, kaito_command
from tests.history.talks import ORIGIN, Clock, execute, kept, questions, rows


@pytest.fixture
def folder(clean_environment):
    return clean_environment / ".local" / "state" / "kaito"


@pytest.fixture
def library(folder):
    return Library(folder)


def asked(server):
    """Return the messages of the last request."""
    return [message["content"] for message in server.chats[-1].messages]


@pytest.mark.parametrize(
    ("arguments", "options", "source"),
    [(["-m", "one"], {}, "message"), ([], {"stdin": "one\n"}, "script")],
)
def test_every_mode_keeps_its_conversation(chat, library, arguments, options, source):
    outcome = chat(*arguments, **options)
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: one\n", "")
    [info] = library.find()
    assert (info.title, info.turns, info.source) == ("one", 1, source)


def test_continue_needs_no_terminal(chat, model_server):
    chat("-m", "one")
    outcome = chat("--continue", "-m", "and why?")
    assert (outcome.code, outcome.out) == (0, "Assistant: and why?\n")
    # Another shell may have continued something else meanwhile.
    assert re.fullmatch(r"\(continuing 1 turn of [a-z0-9]{8}, \d+s ago: one\)\n", outcome.err)
    assert asked(model_server) == ["one", "one", "and why?"]
    chat("--continue", stdin="clear\nnew\n")
    assert asked(model_server) == ["new"]
    chat("--continue", "-m", "x")
    assert asked(model_server) == ["new", "new", "x"]


def test_a_failed_turn_is_not_kept(chat, model_server, library, folder):
    model_server.enqueue(Status(400, {"error": {"message": "no"}}))
    assert chat("-m", "one").code == 1
    assert not folder.exists()
    assert library.find() == []


def test_another_server_s_conversation_is_not_continued(chat, kaito, start_model_server):
    chat("-m", "secret of one")
    other = start_model_server()
    outcome = kaito("chat", "--endpoint", other.url, "--continue", "-m", "x")
    assert outcome.code == 3
    assert outcome.err.startswith("❌ Error: There is no conversation with 127.0.0.1:")
    assert other.chats == []


def test_piped_text_does_not_read_the_history(chat, kaito, library, start_model_server, tmp_path):
    chat("-m", "secret of one")
    [info] = library.find()
    other = start_model_server()
    lines = ["/sessions", "/sessions secret", f"/resume {info.id}", "/history", "hello"]
    outcome = kaito("chat", "--endpoint", other.url, "--keep-going", stdin="\n".join(lines))
    assert outcome.code == 2
    assert outcome.out == "Assistant: hello\n"
    assert outcome.err.count(" works at a prompt and in --script FILE, not from a pipe\n") == 3
    assert "secret" not in outcome.err.replace("/sessions secret", "")
    assert asked(other) == ["hello"]
    # A file that the user names is the user's.
    script = tmp_path / "script"
    script.write_text("\n".join(lines))
    assert "secret of one" in kaito("chat", "--endpoint", other.url, "--script", script).out


def test_the_same_workspace_name_elsewhere_is_offered_by_id(chat, kaito, library, model_server, start_model_server):
    chat("--workspace-name", "my-llama", "-m", "one")
    [info] = library.find()
    other = start_model_server()
    arguments = ["chat", "--endpoint", other.url, "--workspace-name", "my-llama"]
    outcome = kaito(*arguments, "--continue", "-m", "x")
    assert outcome.code == 3
    assert f"\n   my-llama ({model_server.url}): one\n     kaito chat --resume {info.id}\n" in outcome.err
    assert other.chats == []
    # By its identifier it is, and that is said.
    outcome = kaito(*arguments, "--resume", info.id, "-m", "x")
    assert outcome.code == 0
    assert "(its text, which was with workspace my-llama (http://127.0.0.1:" in outcome.err
    assert asked(other) == ["one", "one", "x"]


def test_a_command_to_paste_has_no_text_of_others_in_its_line(chat, kaito, library, start_model_server):
    # An interactive zsh has no comments: what stands behind a # would be run, too.
    texts = ["$(touch pwned)", "x; touch pwned", "`touch pwned`", "x\rtouch pwned"]
    for text in texts:
        chat("--workspace-name", "my-llama", "-m", text)
    arguments = ["chat", "--endpoint", start_model_server().url, "--workspace-name", "my-llama", "--continue"]
    lines = kaito(*arguments, "-m", "x").err.splitlines()
    commands = [f"     kaito chat --resume {info.id}" for info in library.find(limit=3)]
    assert [line for line in lines if "--resume" in line] == commands


def test_resume_connects_to_the_recorded_target(chat, kaito, library, model_server):
    chat("--workspace-name", "my-llama", "-m", "one")
    [info] = library.find()
    outcome = kaito("chat", "--resume", info.id[:6], "-m", "two")
    assert (outcome.code, outcome.out) == (0, "Assistant: two\n")
    assert outcome.err.startswith(f"(continuing 1 turn of {info.id}, ")
    assert f", with workspace my-llama ({model_server.url}), model test-model: one)\n" in outcome.err
    assert "is sent to" not in outcome.err
    assert asked(model_server) == ["one", "one", "two"]
    assert library.info(info.id).turns == 2


def test_resume_connects_to_the_recorded_target_whatever_is_configured(
    chat, kaito, library, model_server, start_model_server, clean_environment
):
    chat("-m", "one")
    [info] = library.find()
    other = start_model_server()
    folder = clean_environment / ".config/kaito"
    folder.mkdir(parents=True)
    (folder / "key").write_text("sesame")
    (folder / "k").write_text("{}")
    arguments = ["chat", "--resume", info.id, "-m", "two"]
    for target in (
        f"endpoint = '{other.url}'",
        "workspace-name = 'w'\nnamespace = 'n'\ncontext = 'c'",
        "backend = 'local'",
        # The commonest files: only where workspaces are.
        "namespace = 'n'",
        "context = 'c'",
        "kubeconfig = 'k'",
    ):
        (folder / "config.toml").write_text(f"[defaults]\n{target}\n")
        assert kaito(*arguments).code == 0, target
        # A key is not sent to a server that it is not for.
        (folder / "config.toml").write_text(f"[defaults]\n{target}\napi-key-file = 'key'\n")
        outcome = kaito(*arguments)
        assert outcome.code == 2
        assert "was with another server than the one that 'api-key-file' is for" in outcome.err
    assert kaito(*arguments, env={"KAITO_ENDPOINT": other.url, "KAITO_NO_CONFIG": "1"}).code == 0
    assert not other.chats
    (folder / "config.toml").write_text(f"[defaults]\nendpoint = '{model_server.url}'\napi-key-file = 'key'\n")
    assert kaito(*arguments).code == 0
    assert model_server.chats[-1].headers["authorization"] == "Bearer sesame"
    # All spellings of a server are its name.
    upper = model_server.url.replace("http", "HTTP")
    for url in (f"{model_server.url}/v1", f"{model_server.url}/", f"{model_server.url}/v1/?tenant=a", upper):
        (folder / "config.toml").write_text(f"[defaults]\nendpoint = '{url}'\napi-key-file = 'key'\n")
        assert kaito(*arguments).code == 0, url
        assert model_server.chats[-1].headers["authorization"] == "Bearer sesame"
    # The model and the trust of another server are not for this one, either.
    (folder / "config.toml").write_text(
        f"[defaults]\nendpoint = '{other.url}'\nmodel = 'other'\ncertificate-authority = 'key'\n"
    )
    assert kaito(*arguments).code == 0
    assert model_server.chats[-1].body["model"] == "test-model"
    # What the command line names is meant.
    (folder / "config.toml").write_text(f"[defaults]\nendpoint = '{model_server.url}'\n")
    assert kaito(*arguments, "--endpoint", other.url).code == 0
    assert other.chats


def test_resume_refuses_another_server_at_the_recorded_address(chat, kaito, library, folder, model_server):
    chat("-m", "one")
    [info] = library.find()
    execute(folder, "UPDATE conversation SET server = 'another'")
    outcome = kaito("chat", "--resume", info.id, "-m", "x")
    assert outcome.code == 2
    assert f"--resume: {info.id} was with another server than the one that is now " in outcome.err
    assert len(model_server.chats) == 1
    assert chat("--resume", info.id, "-m", "x").code == 0


def test_resume_explains_a_context_that_is_missing_now(kaito, folder, tmp_path):
    id = kept(folder, "one", origin=replace(ORIGIN, context="gpu-cluster"))
    config = tmp_path / "config"
    config.write_text("contexts: [{name: other, context: {cluster: c, user: u}}]")
    arguments = ["chat", "--resume", id, "-m", "x"]
    outcome = kaito(*arguments, env={"KUBECONFIG": str(config)})
    assert (outcome.code, outcome.err) == (
        2,
        f"❌ Error: --resume: {id} was with context 'gpu-cluster', which this kubeconfig lacks\n   Contexts: other\n"
        "   If it has another name now, add --context; --workspace-name or --endpoint continues it elsewhere\n",
    )
    assert "was with context 'gpu-cluster'" in kaito(*arguments, env={"KUBECONFIG": ""}).err
    # What the user names is the user's.
    outcome = kaito(*arguments, "--context", "typed", env={"KUBECONFIG": str(config)})
    assert outcome.err.startswith("❌ Error: --context: Context 'typed' not found\n")


def test_resume_explains_a_kubeconfig_that_is_missing_now(kaito, folder, tmp_path):
    file = str(tmp_path / "nothing")
    id = kept(folder, "one", origin=replace(ORIGIN, kubeconfig=file))
    outcome = kaito("chat", "--resume", id, "-m", "x")
    assert outcome.code == 2
    assert f"--resume: {id} was with kubeconfig '{file}', which cannot be used\n" in outcome.err


def test_resume_of_what_an_earlier_version_kept_needs_a_target(chat, kaito, folder, model_server):
    conversations = folder / "conversations"
    conversations.mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    turn = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    (conversations / "pts-1.json").write_text(json.dumps({"messages": turn, "workspace": "my-llama"}))
    [entry] = json.loads(kaito("history", "-o", "json").out)
    outcome = kaito("chat", "--resume", entry["id"], "-m", "x")
    assert outcome.code == 2
    assert "without its server\n   Name the target" in outcome.err
    outcome = chat("--workspace-name", "my-llama", "--resume", entry["id"], "-m", "x")
    assert outcome.code == 0
    assert asked(model_server) == ["q", "a", "x"]


def test_the_query_of_a_url_is_not_kept(kaito, folder, model_server):
    url = f"{model_server.url}/?key=hush-hush"
    assert kaito("chat", "--endpoint", url, "-m", "one").code == 0
    for path in folder.iterdir():
        assert b"hush-hush" not in path.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume", "-m", "x"], "--resume: needs the ID of a conversation\n   'kaito history' lists them\n"),
        (["--resume", "x", "--continue", "-m", "x"], "--continue: cannot be used with --resume\n"),
        (["--load", "f", "--continue", "-m", "x"], "--load: cannot be used with --continue\n"),
        (["--load", "f", "--resume", "x", "-m", "x"], "--load: cannot be used with --resume\n"),
    ],
)
def test_usage_errors(chat, model_server, arguments, message):
    outcome = chat(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert model_server.requests == []


@pytest.mark.parametrize("flag", [["--continue"], ["--resume", "x"]])
def test_nothing_is_continued_when_nothing_is_kept(chat, flag, folder):
    outcome = chat(*flag, "-m", "x", env={"KAITO_HISTORY": "off"})
    assert (outcome.code, outcome.err) == (2, f"❌ Error: {flag[0]}: KAITO_HISTORY=off keeps no conversations\n")
    assert chat("-m", "x", env={"KAITO_HISTORY": "off"}).code == 0
    assert not folder.exists()


@pytest.mark.parametrize("name", ["KAITO_HISTORY_SIZE", "KAITO_HISTORY_AGE"])
def test_invalid_bounds_are_a_usage_error(chat, name):
    outcome = chat("-m", "x", env={name: "much"})
    assert outcome.code == 2
    assert outcome.err.startswith(f"❌ Error: {name}: 'much' is not a")


def test_bounds_apply(chat, kaito, folder, library):
    for number in range(3):
        kept(folder, f"talk {number}", clock=Clock())
    assert chat("-m", "new", env={"KAITO_HISTORY_AGE": "1d"}).code == 0
    assert [info.title for info in library.find()] == ["new"]


def test_a_history_that_cannot_be_used_does_not_change_the_answer(chat, folder):
    folder.mkdir(parents=True, mode=0o700)
    (folder / "history.db").write_text("not a database" * 100)
    outcome = chat("-m", "one")
    assert (outcome.code, outcome.out) == (0, "Assistant: one\n")
    assert outcome.err.count("(the history of conversations is damaged: ") == 1
    outcome = chat("--continue", "-m", "one")
    assert outcome.code == 1
    assert "The history of conversations is damaged" in outcome.err


@pytest.mark.skipif(os.name != "posix", reason="no limit of the size of files")
def test_a_full_disk_does_not_hide_the_past(chat, kaito, folder, model_server):
    chat("-m", "one")
    [entry] = json.loads(kaito("history", "-o", "json").out)
    # No file can become larger, nor be changed, as if the disk were full.
    limit = (sys.executable, "-c", _NO_SPACE)

    def limited(*arguments):
        command = [*limit, *kaito_command(*arguments)]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    assert "one" in limited("history").stdout
    assert "one" in limited("history", "show", entry["id"]).stdout
    assert limited("history", "export", entry["id"]).stdout.startswith("# one\n")
    deleted = limited("history", "delete", "--all", "-y")
    assert (deleted.returncode, deleted.stderr.count("Cannot delete conversations in ")) == (1, 1)
    for flags in (["--continue"], ["--resume", entry["id"]]):
        outcome = limited("chat", "--endpoint", model_server.url, *flags, "-m", "two")
        assert (outcome.returncode, outcome.stdout) == (0, "Assistant: two\n")
        assert outcome.stderr.count("annot keep conversations in ") == 1
        assert asked(model_server) == ["one", "one", "two"]


_NO_SPACE = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
os.execvp(sys.argv[1], sys.argv[1:])
"""

# kaito history


@pytest.fixture
def two(folder):
    """Keep two conversations; return their identifiers."""
    return [
        kept(folder, "What is\x1b[2J a Pod?", "And a Node?"),
        kept(folder, "Naïve café", origin=replace(ORIGIN, context=None, kind="inferenceset", workspace="my-set")),
    ]


def test_the_list(kaito, two):
    outcome = kaito("history")
    assert (outcome.code, outcome.err) == (0, "")
    head, second, first = outcome.out.splitlines()
    assert head.split() == ["ID", "AGE", "TURNS", "WITH", "TITLE"]
    assert first.split()[0] == two[0]
    assert second.split()[2:] == ["1", "inferenceset/my-set", "Naïve", "café"]
    assert first.endswith("  What is a Pod?")
    wide = kaito("history", "-o", "wide").out
    assert "team-a      prod      llama" in wide


def test_a_search(kaito, two):
    assert kaito("history", "node").out.splitlines()[1].startswith(two[0])
    assert kaito("history", "NODE", "pod").out.splitlines()[1].startswith(two[0])
    outcome = kaito("history", "--", "--nothing", "else")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "No conversation has '--nothing else'\n")


def test_a_search_shows_where_the_words_stand(kaito, terminal, folder, two):
    head, row = kaito("history", "node").out.splitlines()
    assert (head.split()[-1], row.endswith("  And a Node? answer to And a Node?")) == ("EXCERPT", True)
    [entry] = json.loads(kaito("history", "pod", "-o", "json").out)
    assert entry["excerpt"] == "What is a Pod? answer to What is a Pod?"
    assert [entry["excerpt"] for entry in json.loads(kaito("history", "-o", "json").out)] == [None, None]
    for columns in (80, 40):
        session = terminal(kaito_command("history", "node"), columns=columns)
        assert session.wait_exit() == 0
        head, row, below = session.transcript.splitlines()[:3]
        assert "EXCERPT" not in head
        assert row.startswith(two[0])
        assert below == "  And a Node? answer to And a Node?"


def test_the_list_as_data(kaito, two):
    data = json.loads(kaito("history", "-o", "json").out)
    assert yaml.safe_load(kaito("history", "-o", "yaml").out) == data
    assert [entry["id"] for entry in data] == two[::-1]
    assert {name: data[1][name] for name in ("title", "workspace", "namespace", "context", "model", "turns")} == {
        "title": "What is\x1b[2J a Pod?",
        "workspace": "my-llama",
        "namespace": "team-a",
        "context": "prod",
        "model": "llama",
        "turns": 2,
    }
    assert data[1]["created"].endswith("Z")
    # The hash of the server is nobody's business.
    assert "server" not in data[0]
    assert json.loads(kaito("history", "zzz", "-o", "json").out) == []


def test_show(kaito, two):
    outcome = kaito("history", "show", two[0])
    assert outcome.out.startswith(
        f"Title: What is a Pod?\nID: {two[0]}\nWith: my-llama (namespace team-a, context prod)\n"
    )
    assert outcome.out.endswith("\nYou:\nAnd a Node?\n\nAssistant:\nanswer to And a Node?\n")
    assert "\x1b" not in outcome.out
    data = json.loads(kaito("history", "show", two[0], "-o", "json").out)
    assert data["messages"][0] == {"role": "user", "content": "What is\x1b[2J a Pod?"}


def test_export_and_load(kaito, chat, two, tmp_path, model_server):
    page, talk, text = tmp_path / "talk.html", tmp_path / "talk.json", tmp_path / "talk.txt"
    assert kaito("history", "export", two[0]).out.startswith("# What is a Pod?\n")
    assert kaito("history", "export", two[0], page).err == f"Exported {two[0]} to {page}\n"
    assert "<script" not in page.read_text()
    assert kaito("history", "export", two[0], talk).code == 0
    assert chat("--load", talk, "-m", "x").code == 0
    assert len(asked(model_server)) == 5
    outcome = kaito("history", "export", two[0], text, "-o", "html")
    assert (outcome.code, outcome.err) == (0, f"Exported {two[0]} to {text}\n")
    assert text.read_text().startswith("<!DOCTYPE html>")
    text.write_text("mine")
    outcome = kaito("history", "export", two[0], text, "-o", "markdown")
    assert (outcome.code, text.read_text()) == (1, "mine")
    assert outcome.err.endswith("it is not an export of this conversation\n   With --force, it is replaced\n")
    assert kaito("history", "export", two[0], text, "-o", "markdown", "--force").code == 0
    assert text.read_text().startswith("# What is a Pod?\n")
    for name in ("talk.pdf", "talk", "talk.txt"):
        file = tmp_path / f"other-{name}"
        outcome = kaito("history", "export", two[0], file)
        assert (outcome.code, file.exists()) == (2, False)
        assert f"history export: '{file}' does not end with .md, .html or .json\n   -o markdown" in outcome.err


def test_delete(kaito, two, library):
    outcome = kaito("history", "delete", two[0])
    assert (outcome.code, outcome.err) == (
        2,
        "❌ Error: history delete: needs --yes, as there is no terminal at which to ask\n",
    )
    assert kaito("history", "delete", two[0], "nothing", "--yes").code == 3
    assert len(library.find()) == 2
    assert kaito("history", "delete", two[0], two[0][:6], "-y").err == "Deleted 1 conversation\n"
    assert kaito("history", "delete", "--all", "--yes").err == "Deleted 1 conversation\n"
    assert kaito("history", "delete", "--all", "--yes").err == "There is no conversation yet\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ["show"],
            2,
            "history show: needs the ID of a conversation\n   To search for the word: kaito history 'show '\n",
        ),
        (["show", "b4c", "xd5"], 2, "❌ Error: history show: takes one ID\n"),
        (["export"], 2, "history export: needs the ID"),
        (["export", "a", "b", "c"], 2, "history export: takes an ID and a file"),
        (["show", "zz"], 3, "There is no conversation 'zz'\n   'kaito history' lists them\n"),
        (["delete"], 2, "history delete: needs IDs, or --all"),
        (["delete", "x", "--all"], 2, "history delete: needs IDs, or --all"),
        (["show", "x", "--all"], 2, "--all: 'history show' takes one ID"),
        (["-y", "x"], 2, "--yes: only 'history delete' takes it"),
        (["show", "x", "--force"], 2, "--force: only 'history export' takes it"),
        (["-o", "html"], 2, "--output: 'html' is not for 'history'\n   It takes plain, wide, json, yaml\n"),
        (["delete", "x", "-o", "json"], 2, "--output: 'json' is not for 'history delete'\n   It takes plain\n"),
        (["show", "x", "-o", "wide"], 2, "--output: 'wide' is not for 'history show'\n   It takes plain, json, yaml\n"),
        (["--nope"], 2, "Unknown flag '--nope'"),
    ],
)
def test_usage_errors_of_history(kaito, two, arguments, code, message):
    outcome = kaito("history", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err


def test_nothing_is_listed_when_nothing_is_kept(kaito, folder):
    outcome = kaito("history", env={"KAITO_HISTORY": "off"})
    assert (outcome.code, outcome.err) == (2, "❌ Error: KAITO_HISTORY=off keeps no conversations\n")
    outcome = kaito("history")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "There is no conversation yet\n")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["history", ""], ["show\tShow a conversation", "export\tWrite one as a file", "delete\tDelete conversations"]),
        (["history", "show", ""], None),
        (["history", "delete", "x", ""], None),
        (["history", "-o", "json", "show", ""], None),
        (["history", "show", "x", ""], []),
        (["history", "show", "x", "-o", ""], ["plain", "json", "yaml"]),
        (["history", "export", "x", "--output="], ["plain", "markdown", "json", "html"]),
        (["history", "delete", "x", "-o", ""], ["plain"]),
        (["history", "hello", "-o", ""], ["plain", "wide", "json", "yaml"]),
        (["history", "-o", ""], ["plain", "wide", "json", "yaml", "markdown", "html"]),
        (["history", "export", "x", ""], "files"),
        (["chat", "--resume", ""], None),
        (["chat", "--resume="], None),
        (["chat", "--resume", "--no-std"], ["--no-stdin\tWith --message, do not read stdin"]),
        (["chat", "--resume", "x", "--no-std"], ["--no-stdin\tWith --message, do not read stdin"]),
    ],
)
def test_completion(kaito, two, words, offered):
    *lines, directive = kaito("__complete", *words).out.splitlines()
    if offered == "files":
        assert (lines, directive) == ([], ":0")
        return
    assert directive == (":4" if len(lines) < 2 else ":36")
    lines = [re.sub(r"\t\S+ ago: ", "\t… ago: ", line) for line in lines]
    newest_first = [f"{two[1]}\t… ago: Naïve café", f"{two[0]}\t… ago: What is a Pod?"]
    assert lines == (newest_first if offered is None else offered)


def test_the_table_of_a_terminal_fits_it(terminal, two):
    for columns in (80, 40, 24):
        session = terminal(kaito_command("history"), columns=columns)
        assert session.wait_exit() == 0
        lines = session.transcript.splitlines()
        assert max(map(len, lines)) <= columns
        # A narrow one says what it leaves out.
        assert (len(lines) == 3) == (columns == 80)
        assert lines[2].startswith(two[0])


def test_a_terminal_gets_the_newest_and_everything_else_gets_all(terminal, kaito, folder):
    ids = [kept(folder, f"talk {number}") for number in range(21)]

    def listed(*arguments):
        session = terminal(kaito_command("history", *arguments), columns=80)
        assert session.wait_exit() == 0
        lines = session.transcript.splitlines()
        return [line.split()[0] for line in lines if line.startswith(tuple(ids))], lines[-1]

    assert listed() == (ids[:0:-1], "(1 more; --all lists all 21)")
    assert listed("talk") == (ids[:10:-1], "(11 more; --all lists all 21)")
    assert listed("-o", "wide")[0] == ids[:0:-1]
    assert listed("--all")[0] == listed("--all", "talk")[0] == ids[::-1]
    for arguments in ([], ["talk"], ["--all"]):
        assert len(kaito("history", *arguments).out.splitlines()) == 22
    session = terminal(kaito_command("history", "-o", "json"), columns=200)
    assert session.wait_exit() == 0
    assert len(json.loads(session.transcript)) == 21


# Many shells at once, and kill -9


def started(server, *arguments, stdin=subprocess.PIPE):
    return subprocess.Popen(
        kaito_command("chat", "--endpoint", server.url, *arguments),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def exchange(process, *messages):
    """Have a started script send messages; return the line of each answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(f"{message}\n" for message in messages))
    process.stdin.flush()
    return [process.stdout.readline() for _ in messages]


def checked(folder):
    """Check the whole file, and its index."""
    with closing(sqlite3.connect(folder / "history.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO search (search) VALUES ('integrity-check')")


def test_many_shells_write_at_once(model_server, folder, library):
    processes = [started(model_server) for _ in range(6)]
    scripts = ["".join(f"shell {number} turn {turn}\n" for turn in range(20)) for number in range(6)]
    for process, script in zip(processes, scripts, strict=True):
        assert process.stdin is not None
        process.stdin.write(script)
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate()
        assert (process.returncode, out.count("Assistant: "), err) == (0, 20, "")
    checked(folder)
    found = library.find()
    assert len(found) == 6
    texts = sorted(questions(library.load(info.id)) for info in found)
    assert texts == sorted(script.splitlines() for script in scripts)


def test_a_kill_loses_no_completed_turn(model_server, folder, library):
    total = 0
    for rounds in range(1, 6):
        process = started(model_server)
        assert process.stdin is not None
        assert process.stdout is not None
        for number in range(rounds):
            message = f"round {rounds} turn {number}"
            assert exchange(process, message) == [f"Assistant: {message}\n"]
        total += rounds
        wait_for_turns(folder, total)
        # In the middle of a stream of further turns.
        process.stdin.write("".join(f"late {number}\n" for number in range(50)))
        process.stdin.flush()
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        checked(folder)
        late = sum(title.startswith("late") for info in library.find() for title in questions(library.load(info.id)))
        total = sum(rounds for rounds in range(1, rounds + 1)) + late
    found = library.find()
    assert len(found) == 5
    for rounds, info in enumerate(reversed(found), 1):
        kept_turns = questions(library.load(info.id))
        assert kept_turns[:rounds] == [f"round {rounds} turn {number}" for number in range(rounds)]
        # What came later is a beginning of it: no turn is missing in between.
        assert kept_turns[rounds:] == [f"late {number}" for number in range(len(kept_turns) - rounds)]


def wait_for_turns(folder, count):
    """Wait until the file has so many turns: a script's are written within a tenth of a second."""

    def are_there():
        # It may be being created.
        with suppress(sqlite3.OperationalError):
            return rows(folder, "SELECT count(*) FROM turn") >= [(count,)]
        return False

    wait_until(are_there)


def wait_until(condition):
    """Wait until a condition holds; fail when it does not within a time that suffices on a busy machine, too."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 60 s"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_loses_nothing(model_server, library, number):
    process = started(model_server)
    exchange(process, "one", "two")
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    [info] = library.find()
    assert questions(library.load(info.id)) == ["one", "two"]


def test_a_shell_whose_conversation_was_deleted_says_so(model_server, kaito, library):
    process = started(model_server)
    exchange(process, "one")
    wait_until(library.find)
    [deleted] = library.find()
    assert kaito("history", "delete", deleted.id, "--yes").code == 0
    _, err = process.communicate("two\n")
    [info] = library.find()
    assert err == f"({deleted.id} was deleted meanwhile; what follows is a new conversation, {info.id})\n"
    assert (info.title, info.turns) == ("two", 1)


def test_two_processes_that_continue_the_same_conversation_branch(chat, model_server, library):
    chat("-m", "one")
    [first] = library.find()
    slow = started(model_server, "--continue")
    assert exchange(slow, "slow") == ["Assistant: slow\n"]
    wait_until(lambda: library.info(first.id).turns == 2)
    assert chat("--continue", "-m", "quick").code == 0
    slow.stdin.write("slow again\n")
    _, err = slow.communicate()
    assert f"(another shell continues {first.id}, too; this conversation is now " in err
    texts = {tuple(questions(library.load(info.id))) for info in library.find()}
    assert texts == {("one", "slow", "quick"), ("one", "slow", "slow again")}
