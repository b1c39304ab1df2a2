"""Loops of real shells: the call that takes the input of its loop warns; other calls with material do not."""

import shlex
import shutil
import subprocess
import sys

import pytest

from kaito.testing import child_environment, kaito_command

LINES = "one\ntwo\nthree\n"
WARNING = (
    "Warning: stdin was read before, as by a loop; the rest of it is sent, too\n"
    "   If the loop was to read it, add --no-stdin or < /dev/null\n"
    "   To ask each line of a file in one run: --each --script FILE\n"
)
READ = {
    "bash": 'while IFS= read -r q; do KAITO -m "$q"; done',
    "dash": 'while IFS= read -r q; do KAITO -m "$q"; done',
    "zsh": 'while IFS= read -r q; do KAITO -m "$q"; done',
    "fish": 'while read -l q; KAITO -m "$q"; end',
}
#: A pipe has no position: only a loop that runs in a copy of its shell is noticed, and only on Linux.
COPIES = ("bash", "dash") if sys.platform == "linux" else ()
SHELLS = [pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell), reason=shell)) for shell in READ]


@pytest.fixture
def run(model_server, tmp_path):
    """Run a line of a shell, in which KAITO is `kaito chat`; return stderr and the messages that were sent."""
    (tmp_path / "questions").write_text(LINES)

    def run(shell, line):
        sent = len(model_server.chats)
        command = shlex.join(kaito_command("chat", "--endpoint", model_server.url))
        done = subprocess.run(
            [shell, "-c", line.replace("KAITO", command)],
            env=child_environment({"HOME": str(tmp_path)}),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr, [chat.last_message for chat in model_server.chats[sent:]]

    return run


@pytest.mark.parametrize("shell", SHELLS)
def test_a_loop_over_a_file_loses_its_input_with_a_warning(run, shell):
    assert run(shell, f"{READ[shell]} < questions") == (WARNING, ["two\nthree\n\none"])


@pytest.mark.parametrize("shell", SHELLS)
def test_a_loop_over_a_pipe_loses_its_input_with_a_warning_where_that_can_be_seen(run, shell):
    warning = WARNING if shell in COPIES else ""
    assert run(shell, f"cat questions | {READ[shell]}") == (warning, ["two\nthree\n\none"])


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("remedy", ["--no-stdin", "< /dev/null"])
@pytest.mark.parametrize("source", ["LOOP < questions", "cat questions | LOOP"])
def test_the_remedies_of_the_warning(run, shell, remedy, source):
    loop = READ[shell].replace('-m "$q"', f'-m "$q" {remedy}')
    assert run(shell, source.replace("LOOP", loop)) == ("", ["one", "two", "three"])


@pytest.mark.parametrize("shell", SHELLS)
def test_each_in_place_of_the_loop(run, shell):
    assert run(shell, "KAITO --each --script questions") == ("", ["one", "two", "three"])


MATERIAL = LINES.removesuffix("\n") + "\n\nx"


@pytest.mark.parametrize("shell", [param for param in SHELLS if param.values[0] != "fish"])
@pytest.mark.parametrize(
    "line",
    [
        "KAITO -m x < questions",
        "cat questions | KAITO -m x",
        "cat questions | { KAITO -m x; }",
        "cat questions | ( true; KAITO -m x )",
        "cat questions | { y=$(date); KAITO -m x; }",
        "cat questions | sh -c 'KAITO -m x'",
        "cat questions | sh -c 'true; KAITO -m x; true'",
        "ask() { KAITO -m x; }; cat questions | ask",
        "KAITO -m x <<END\none\ntwo\nthree\nEND",
        "for y in 1; do cat questions | KAITO -m x; done",
        "echo y | while read y; do KAITO -m x < questions; done",
        "echo y | while read y; do cat questions | KAITO -m x; done",
    ],
)
def test_material_on_purpose_has_no_warning(run, shell, line):
    if "sh -c '" in line:
        # The quotes of the inner shell's line.
        inner = line[line.index("'") + 1 : line.rindex("'")]
        line = line.replace(f"'{inner}'", '"$LINE"')
        line = f"LINE={shlex.quote(inner)}; {line}"
    assert run(shell, line) == ("", [MATERIAL])


@pytest.mark.parametrize("shell", SHELLS)
def test_the_last_line_of_a_loop_has_nothing_to_lose(run, shell, tmp_path):
    (tmp_path / "questions").write_text("one\n")
    assert run(shell, f"{READ[shell]} < questions") == ("", ["one"])


def test_all_of_stdin_as_the_message_has_no_warning(run):
    assert run("bash", "{ read -r head; KAITO -m -; } < questions") == ("", ["two\nthree\n"])
