"""What a start imports, and the help and errors of the command line."""

import subprocess
import sys

import pytest

import kaito as package
from kaito.plugin.built_in import SUBCOMMANDS
from kaito.testing import child_environment

HEAVY = [
    "aiohttp",
    "asyncio",
    "importlib.metadata",
    "kubernetes",
    "pluggy",
    "msgspec",
    "colorama",
    "argparse",
    "readline",
    "sqlite3",
    "tomllib",
]


def imported(*arguments, stdin=None):
    """Return the heavy modules that a run imports."""
    code = (
        "import sys\n"
        "from kaito.cli import main\n"
        f"sys.argv[1:] = {list(arguments)!r}\n"
        "code = main()\n"
        f"print(code, *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    # A child that measures its coverage imports what that needs.
    environment = child_environment({"COVERAGE_PROCESS_CONFIG": None, "COVERAGE_PROCESS_START": None})
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, input=stdin
    )
    return done.stderr.splitlines()[-1].split()[1:]


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["-h"], ["help"], ["version"], []])
def test_help_and_version_import_nothing_heavy(arguments):
    assert imported(*arguments) == []


def test_a_usage_error_imports_no_network_code():
    found = imported("chat", "--temperature", "3")
    assert "aiohttp" not in found
    assert "asyncio" not in found
    assert "importlib.metadata" not in found
    assert "tomllib" not in found


def test_the_history_is_not_opened_before_the_first_turn(model_server):
    arguments = ["chat", "--endpoint", model_server.url]
    assert "sqlite3" not in imported(*arguments, stdin="/status\n/set\nclear\n")
    assert "sqlite3" in imported(*arguments, stdin="hello\n")


def test_help_of_a_command_imports_no_network_code():
    assert "aiohttp" not in imported("chat", "--help")
    assert "aiohttp" not in imported("plugins")


def test_version(kaito):
    outcome = kaito("--version")
    assert (outcome.code, outcome.out) == (0, f"kaito {package.__version__}\n")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"], []])
def test_help_names_each_command_with_examples(kaito, arguments):
    outcome = kaito(*arguments)
    assert outcome.code == 0
    assert "Examples:" in outcome.out
    assert all(f"\n  {name} " in outcome.out for name in SUBCOMMANDS)


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
@pytest.mark.parametrize("form", [["{}", "--help"], ["{}", "-h"], ["help", "{}"]])
def test_help_of_a_command(kaito, name, form):
    outcome = kaito(*[part.format(name) for part in form])
    assert outcome.code == 0
    assert "Examples:" in outcome.out
    assert f"Usage:\n  kaito {name} [flags]" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 120


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["caht"], "Unknown command 'caht'\n   Did you mean 'chat'?\n   See 'kaito --help'"),
        (["zzz"], "Unknown command 'zzz'\n   See 'kaito --help'"),
        (["--nope"], "Unknown flag '--nope'\n"),
        (["-n", "x", "--nope=5"], "Unknown flag '--nope'\n"),
        (["--verson"], "Unknown flag '--verson'\n   Did you mean --version?\n"),
        (["--temperature", "0.5"], "Unknown flag '--temperature'\n   Put the flags of a command after its name\n"),
        (["-z", "chat"], "Unknown flag '-z'\n"),
        (["-n", "x"], "A command is missing"),
        (["-nx", "--color=never", "-v"], "A command is missing"),
    ],
)
def test_usage_errors(kaito, arguments, message):
    outcome = kaito(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err


@pytest.mark.parametrize("columns", [80, 40])
@pytest.mark.parametrize("command", [[], *([name] for name in SUBCOMMANDS)])
def test_help_fits_the_window(kaito, command, columns):
    outcome = kaito(*command, "--help", env={"COLUMNS": str(columns)})
    message, _, usage = outcome.out.partition("\nUsage:\n")
    too_long = [line for line in message.splitlines() if len(line) > columns]
    # Words of a command, and a flag with its value, are never broken.
    assert all(
        line.startswith(("      --", "  -o, --output ", '      "', "      ~/", "  OPENAI_")) for line in too_long
    )
    assert len(too_long) <= (0 if columns == 80 else 2)
    assert usage


def test_flags_before_the_command(kaito, model_server):
    outcome = kaito("--color", "always", "-n", "team-a", "chat", "--endpoint", model_server.url, "-m", "x")
    assert (outcome.code, outcome.out) == (0, "Assistant: x\n")
    outcome = kaito("-n", "Bad", "chat", "--endpoint", model_server.url, "-m", "x")
    assert "--namespace: 'Bad' is not a name" in outcome.err


def test_a_bug_shows_a_traceback_only_with_verbose(kaito, tmp_path):
    (tmp_path / "broken.py").write_text(
        "import kaito.subcommands.chat\nkaito.subcommands.chat.choose_backends = None\n"
    )
    outcome = kaito("chat", "--plugin", str(tmp_path / "broken.py"))
    assert outcome.code == 1
    assert "❌ Error: This is a bug in kaito: TypeError: 'NoneType' object is not callable" in outcome.err
    assert "Traceback" not in outcome.err
    outcome = kaito("chat", "--verbose", "--plugin", str(tmp_path / "broken.py"))
    assert "Traceback" in outcome.err
