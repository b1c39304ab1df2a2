"""System prompts in files, and their variables."""

import pytest

from kaito.errors import UsageError
from kaito.options.prompts import Prompt, filled, names_file, prompt, unfilled, variable

FILE = Prompt("Answer in {{lang}}, {{ lang }} or {{max-words}} words. {{ {x} }} {{}} {{1}}", "p.md")


def test_text_and_files(tmp_path):
    (tmp_path / "p.md").write_bytes(b"\xef\xbb\xbfBe {{x}}\r\nbrief\r\n\r\n")
    parse = prompt("--system-prompt")
    assert parse("Be brief") == Prompt("Be brief")
    assert parse("@@home") == Prompt("@home")
    assert parse(f"@{tmp_path}/p.md") == Prompt("Be {{x}}\nbrief", f"{tmp_path}/p.md")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n", "is empty"),
        (b"\xff", "is not UTF-8 text"),
        (b"a" * 1024 * 1024 + b"a", "it is larger than 1 MiB"),
        (None, "cannot read"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "p").write_bytes(content)
    with pytest.raises(UsageError, match=reason):
        prompt("--system-prompt")(f"@{tmp_path}/p")


def test_variables():
    assert filled("p", FILE, {"lang": "{{max-words}}", "max-words": "9"}) == (
        "Answer in {{max-words}}, {{max-words}} or 9 words. {{ {x} }} {{}} {{1}}"
    )
    assert filled("p", FILE, {}) == FILE.text
    # A text of the command line has none.
    assert filled("p", Prompt("{{lang}}"), {"lang": "French"}) == "{{lang}}"


@pytest.mark.parametrize(
    ("given", "variables", "remark"),
    [
        (Prompt("{{a}} {{ b }} {{a}}", "p.md"), {}, "'p.md' is sent with {{a}}, {{b}} unchanged; --variable a=VALUE"),
        (Prompt("{{a}}{{b}}{{c}}{{d}}", "p.md"), {}, "'p.md' is sent with {{a}}, {{b}}, {{c}}, … unchanged; "),
        (Prompt("{{a}}", "p.md"), {"b": "x"}, ""),
        (Prompt("{ {x} } {{}} {{1}}", "p.md"), {}, ""),
        (Prompt("{{a}}"), {}, ""),
    ],
)
def test_places_that_stay_are_named(given, variables, remark):
    assert unfilled(given, variables).startswith(remark)
    assert bool(unfilled(given, variables)) == bool(remark)


def test_the_value_of_a_secret_without_an_equals_sign_is_not_shown():
    with pytest.raises(UsageError, match=r"^--variable: 'api_key…' is not KEY=VALUE"):
        variable("--variable")("api_key:s3cret")


@pytest.mark.parametrize("value", ["", "a", "=b", "a b=c", "1a=b", "é=b"])
def test_what_is_not_a_variable(value):
    with pytest.raises(UsageError, match=r"^--variable: '.*' is not KEY=VALUE"):
        variable("--variable")(value)


def test_a_variable_may_have_any_value():
    assert variable("v")("a-b=c=d\n") == ("a-b", "c=d\n")
    assert variable("v")("_=") == ("_", "")


@pytest.mark.parametrize(
    ("given", "variables", "required", "lines"),
    [
        (
            Prompt("a\n{{lang}}", "p.md"),
            {"lnag": "x", "other": "y"},
            [],
            [
                "--system-prompt: 'p.md', line 2: {{lang}} has no value",
                "Add --variable lang=VALUE; values are given for lnag, other",
            ],
        ),
        (
            Prompt("{{lang}}", "p.md"),
            {"lnag": "x"},
            ["lnag"],
            ["--variable: 'p.md' has no {{lnag}}", "Did you mean lang?"],
        ),
        (Prompt("text", "p.md"), {"x": "x"}, ["x"], ["--variable: 'p.md' has no {{x}}", "It has no variables"]),
        (
            Prompt("text"),
            {"x": "x"},
            ["x"],
            ["--variable: needs a system prompt that is a file", "Use --system-prompt @FILE"],
        ),
    ],
)
def test_faults_of_variables(given, variables, required, lines):
    with pytest.raises(UsageError) as caught:
        filled("--system-prompt", given, variables, required)
    assert [caught.value.message, *caught.value.hints] == lines


@pytest.mark.parametrize(
    ("value", "is_file"), [("@a.md", True), ("@", True), ("@@a", False), ("@@@", False), ("a@b", False), ("", False)]
)
def test_what_names_a_file(value, is_file):
    assert names_file(value) == is_file
