"""Subcommands that plugins add: their options, output, errors, completion, and the model that they talk to."""

import json

import pytest
import yaml

from kaito.testing import Hang, Status
from tests.e2e.pipes.test_plugin_protection import REDACTS

PING = '''
"""Times one answer."""

from kaito import Command, KaitoError, Message, hookimpl


def add_options(options):
    options.add("--times", parse=int, default=1, metavar="COUNT", help="How often")
    options.add("--word", choices=("ping", "pong"), default="ping", help="What to send")
    options.add("--tag", repeatable=True, help="A tag", complete=lambda: ["red", "green"])
    options.add("--quiet", switch=True, help="Say nothing")
    options.add_argument("NAME", help="A name", required=False, complete=lambda: ["alpha", "beta"])


def run(context):
    replies = context.wait(ask(context))
    context.notice(f"asked {context.option('name')}")
    context.write_object({"answers": replies, "tags": context.option("tag"), "quiet": context.option("quiet")})


async def ask(context):
    async with context.connect() as model:
        return [(await model.ask(context.option("word"))).content for _ in range(context.option("times"))]


@hookimpl
def kaito_commands():
    return [
        Command(
            name="ping",
            summary="Time one answer",
            examples="# Ask once\\nkaito ping --endpoint http://localhost:8080",
            options=add_options,
            outputs=("json", "yaml"),
            connects=True,
            run=run,
        )
    ]
'''


@pytest.fixture
def install(install):
    """Install a distribution with a subcommand."""

    def install_subcommand(source):
        install("kaito-ping", "ping", source, group="kaito.commands")

    return install_subcommand


@pytest.fixture
def ping(kaito, install, model_server):
    """Run the subcommand of an installed plugin."""
    install(PING)

    def ping(*arguments, **options):
        return kaito("ping", "--endpoint", model_server.url, *arguments, **{"plugins": "ping", **options})

    return ping


@pytest.mark.parametrize(("allowed", "is_listed"), [("ping", True), ("other", False)])
def test_the_list_of_plugins_has_those_that_may_be_loaded(kaito, install, allowed, is_listed):
    install(PING)
    assert ("command ping" in kaito("plugins", plugins=allowed).out) is is_listed


def test_its_output(ping):
    outcome = ping()
    assert (outcome.code, outcome.out) == (0, 'answers: ["ping"]\ntags: []\nquiet: no\n')
    assert outcome.err == "asked None\n"
    outcome = ping("alpha", "--times", "2", "--word=pong", "--tag", "a", "--tag", "b", "--quiet", "-o", "json")
    expected = {"answers": ["pong", "pong"], "tags": ["a", "b"], "quiet": True}
    assert json.loads(outcome.out) == expected
    assert outcome.err == "asked alpha\n"
    outcome = ping("--times", "2", "--word=pong", "--tag", "a", "--tag", "b", "--quiet", "-o", "yaml")
    assert yaml.safe_load(outcome.out) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--times", "x"], "--times: 'x': invalid literal for int() with base 10: 'x'"),
        (["--word", "pang"], "--word: 'pang' is not one of ping, pong"),
        (["--wrd", "pang"], "Unknown flag '--wrd'\n   Did you mean --word?"),
        (["a", "b"], "Unexpected argument 'b'"),
        (["-o", "xml"], "--output: 'xml' is not one of plain, json, yaml"),
        (["--temperature", "1"], "Unknown flag '--temperature'"),
    ],
)
def test_invalid_arguments(ping, model_server, arguments, message):
    outcome = ping(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"❌ Error: {message}")
    assert "kaito ping --help" in outcome.err or "-o" in arguments or "'" in message
    assert model_server.requests == []


def test_the_help_lists_it_without_importing_it(kaito, install):
    install("raise RuntimeError('imported')")
    outcome = kaito("--help", plugins="ping")
    assert outcome.code == 0
    assert "Commands of plugins:\n  ping\n" in outcome.out
    assert "imported" not in outcome.err
    assert "Commands of plugins" not in kaito("--help").out
    assert "ping\tFrom a plugin\n" in kaito("__complete", "", plugins="ping").out
    # A chat does not import it either.
    assert "imported" not in kaito("chat", "--help", plugins="ping").err


def test_its_own_help(ping):
    outcome = ping("--help")
    assert outcome.out.startswith("Time one answer.\n\nExamples:\n  # Ask once\n")
    for text in (
        "--times COUNT",
        "How often (default 1)",
        "--word ping|pong",
        "      NAME",
        "--endpoint URL",
        "--wait",
    ):
        assert text in outcome.out
    assert outcome.out.endswith("Usage:\n  kaito ping [flags] [NAME]\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ping", "--w"], ["--wait", "--word", "--workspace-name"]),
        (["ping", "--word", ""], ["ping", "pong"]),
        (["ping", "--tag", "r"], ["red"]),
        (["ping", ""], ["alpha", "beta"]),
        (["ping", "alpha", ""], []),
        (["ping", "--backend", "u"], ["url"]),
        (["pi"], ["ping"]),
    ],
)
def test_completion(kaito, install, words, expected):
    install(PING)
    lines = kaito("__complete", *words, plugins="ping").out.splitlines()[:-1]
    assert sorted(line.partition("\t")[0] for line in lines) == expected


def test_what_it_sends_is_redacted(kaito, install, plugin, model_server):
    install(PING.replace('("ping", "pong")', "()"))
    redacts = plugin(REDACTS)
    outcome = kaito("ping", "--endpoint", model_server.url, "--plugin", redacts, "--word", "a secret", plugins="ping")
    assert (outcome.code, outcome.out.splitlines()[0]) == (0, 'answers: ["a ***"]')
    outcome = kaito(
        "ping", "--endpoint", model_server.url, "--plugin", plugin("import nothing_x\n" + REDACTS), plugins="ping"
    )
    assert outcome.code == 1
    assert "may redact what is sent" in outcome.err
    assert len(model_server.chats) == 1


def test_errors_have_their_exit_codes(ping, model_server):
    assert ping("--endpoint", "http://127.0.0.1:1").code == 4
    model_server.enqueue(Status(401))
    assert ping().code in (1, 5)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            "raise ValueError('boom')",
            1,
            "Plugin 'kaito ping' (kaito-ping 1.0) failed in running ping: ValueError: boom",
        ),
        ("raise KaitoError('No', 'Try this')", 1, "No\n   Try this"),
        ("from kaito import NotFoundError; raise NotFoundError('Nobody')", 3, "Nobody"),
        ("import sys; sys.exit(0)", 1, "failed in running ping: SystemExit: 0"),
        ("context.option('wrong')", 1, "LookupError: there is no option 'wrong'"),
    ],
)
def test_a_command_that_fails(kaito, install, body, code, message):
    install(PING.replace("replies = context.wait(ask(context))", body))
    outcome = kaito("ping", "--endpoint", "http://127.0.0.1:1", plugins="ping")
    assert outcome.code == code
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert "bug in kaito" not in outcome.err


def test_its_exit_code(kaito, install):
    install(PING.replace("replies = context.wait(ask(context))", "return 3"))
    assert kaito("ping", "--endpoint", "http://127.0.0.1:1", plugins="ping").code == 3


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_of_this_name", "was not loaded: ModuleNotFoundError"),
        (
            "from kaito import hookimpl\n@hookimpl\ndef kaito_commands(): return [5]",
            "int has no name; each must be a Command",
        ),
        (
            PING.replace('name="ping"', 'name="pong"'),
            "Plugin 'kaito ping' (kaito-ping 1.0) offers no subcommand 'ping'\n   It offers pong",
        ),
        (PING.replace("run=run", "run=5"), "'ping' has a run that is not callable"),
        (PING.replace('"--times", parse', '"--endpoint", parse'), "the flag --endpoint exists already"),
    ],
)
def test_a_command_that_is_not_there(kaito, install, source, message):
    install(source)
    outcome = kaito("ping", "--endpoint", "http://127.0.0.1:1", plugins="ping")
    assert outcome.code in (1, 2)
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_command_in_a_file(kaito, plugin, model_server):
    name = plugin(PING)
    for arguments in (["ping", "--plugin", name], ["--plugin", name, "ping"]):
        outcome = kaito(*arguments, "--endpoint", model_server.url)
        assert (outcome.code, outcome.out.splitlines()[0]) == (0, 'answers: ["ping"]')


def test_a_command_of_kaito_cannot_be_replaced(kaito, plugin):
    name = plugin(PING.replace('name="ping"', 'name="status"'))
    outcome = kaito("status", "--plugin", name, "--help")
    assert outcome.out.startswith("Show whether a workspace is ready")


def test_kaito_plugins_names_it(kaito, install):
    install(PING)
    assert "subcommand ping" in kaito("plugins", plugins="ping").out
    assert "subcommand" not in kaito("plugins", "--help").out
    assert "subcommand chat" in kaito("plugins").out


def test_a_plugin_of_both_groups_is_loaded_once(kaito, install, model_server, tmp_path):
    install(PING + "\n@hookimpl\ndef kaito_reply(reply): print('seen')")
    [info] = (tmp_path / "site").glob("*.dist-info")
    (info / "entry_points.txt").write_text("[kaito]\nping = kaito_ping\n[kaito.commands]\nping = kaito_ping\n")
    outcome = kaito("ping", "--endpoint", model_server.url, plugins="ping")
    assert (outcome.code, outcome.err.count("seen"), "loaded" in outcome.err) == (0, 1, False)


def test_ctrl_c_cancels_what_it_waits_for(terminal, install, model_server, monkeypatch):
    from kaito.testing import kaito_command

    install(PING)
    monkeypatch.setenv("KAITO_PLUGINS", "ping")
    model_server.enqueue(Hang())
    session = terminal(kaito_command("ping", "--endpoint", model_server.url))
    model_server.wait_for_chats(1)
    session.press("ctrl-c")
    model_server.wait_for_disconnect()
    assert session.wait_exit() == 130


NODES = '''
"""Lists the nodes of the cluster."""

from kaito import Command, hookimpl


def add_options(options):
    options.add("--role", short="-r", help="A role", complete=roles)
    options.add_argument("NODE", help="A node", required=False, complete=roles)


async def roles(cluster):
    return [cluster.namespace, *(item["metadata"]["name"] for item in await cluster.list("/api/v1/nodes"))]


def run(context):
    context.write(f"{context.program} {context.option('role')} {context.settings.target.wait}\\n")


@hookimpl
def kaito_commands():
    return [
        Command(
            name="nodes", summary="List", options=add_options, cluster=True, names_workspace=False, waits=True, run=run
        )
    ]
'''


def test_flags_for_the_cluster_alone(kaito, plugin):
    nodes = ("nodes", "--plugin", plugin(NODES))
    assert kaito(*nodes, "-rx", "--wait=5s").out == "kaito x 5.0\n"
    assert kaito(*nodes, "--role", "y", "--wait").out == "kaito y 1800.0\n"
    outcome = kaito(*nodes, "--workspace-name", "a")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Unknown flag '--workspace-name'" in outcome.err
    assert "  -r, --role VALUE" in kaito(*nodes, "--help").out


@pytest.mark.parametrize(
    ("short", "message"), [("-n", "the flag -n exists already"), ("-rr", "'-rr' does not have the form -x")]
)
def test_a_short_flag_that_is_not_possible(kaito, plugin, short, message):
    outcome = kaito("nodes", "--plugin", plugin(NODES.replace('"-r"', f'"{short}"')))
    assert outcome.code == 1
    assert message in outcome.err


def test_completion_without_the_cluster_offers_nothing(kaito, plugin):
    for words in (["--role", ""], [""]):
        outcome = kaito("__complete", "nodes", "--plugin", plugin(NODES), *words)
        assert (outcome.code, outcome.out, outcome.err) == (0, ":4\n", "")
