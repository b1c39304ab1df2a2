"""System prompts in files: flags, the configuration, and `/system`."""

import os

import pytest


@pytest.fixture
def prompt_file(clean_environment):
    folder = clean_environment / ".config/kaito/prompts"
    folder.mkdir(parents=True)
    file = folder / "review.md"
    file.write_text("Review in {{lang}}, {{lines}} lines.\n")
    return file


def system(server):
    message = server.chats[-1].body["messages"][0]
    return message["content"] if message["role"] == "system" else None


def test_a_file_and_its_variables(chat, model_server, prompt_file):
    assert chat("-m", "hi", "--system-prompt", f"@{prompt_file}").err == (
        f"('{prompt_file}' is sent with {{{{lang}}}}, {{{{lines}}}} unchanged; --variable lang=VALUE gives a value)\n"
    )
    assert system(model_server) == "Review in {{lang}}, {{lines}} lines."
    assert (
        chat("-m", "hi", "--system-prompt", f"@{prompt_file}", "--variable", "lang=Latin", "--variable=lines=2").err
        == ""
    )
    assert system(model_server) == "Review in Latin, 2 lines."
    outcome = chat("-m", "hi", "--system-prompt", f"@{prompt_file}", "--variable", "lang=Latin")
    assert outcome.code == 2
    assert "line 1: {{lines}} has no value" in outcome.err
    outcome = chat("-m", "hi", "--variable", "lang=Latin")
    assert outcome.code == 2
    assert "--variable: needs a system prompt that is a file" in outcome.err
    assert chat("-m", "hi", "--system-prompt", "@@home").err == ""
    assert system(model_server) == "@home"


def test_variables_of_the_configuration_are_merged_by_name(chat, model_server, prompt_file):
    (prompt_file.parents[1] / "config.toml").write_text("""
        [defaults]
        variable = ["lang=Greek", "unused=1"]
        [profiles.review]
        system-prompt = "@prompts/review.md"
        [profiles.review.variables]
        lang = "French"
        lines = 20
    """)
    assert chat("-m", "hi", "--profile", "review").err == ""
    assert system(model_server) == "Review in French, 20 lines."
    chat("-m", "hi", "--profile", "review", "--variable", "lang=Latin", env={"KAITO_VARIABLE": "lines=3"})
    assert system(model_server) == "Review in Latin, 3 lines."
    # Text on the command line has no variables, and none is required.
    assert chat("-m", "hi", "--profile", "review", "--system-prompt", "{{lang}}").err == ""
    assert system(model_server) == "{{lang}}"
    assert chat("-m", "hi", "--profile", "review", "--no-system-prompt").err == ""
    assert system(model_server) is None
    outcome = chat("-m", "hi", "--profile", "review", "--variable", "lnag=Latin")
    assert outcome.code == 2
    assert "has no {{lnag}}\n   Did you mean lang?" in outcome.err


def test_a_missing_file_of_the_configuration(chat, prompt_file):
    (prompt_file.parents[1] / "config.toml").write_text("[defaults]\nsystem-prompt = '@missing.md'")
    outcome = chat("-m", "hi")
    assert outcome.code == 2
    assert "config.toml, line 2: [defaults] system-prompt: cannot read '" in outcome.err


@pytest.mark.parametrize("key", ["system-prompt", "header", "extra-body"])
def test_an_at_sign_alone_names_no_file(chat, prompt_file, key):
    (prompt_file.parents[1] / "config.toml").write_text(f"[defaults]\n{key} = '@'")
    outcome = chat("-m", "hi")
    assert outcome.code == 2
    assert f"config.toml, line 2: [defaults] {key}: needs a file name\n" in outcome.err


@pytest.mark.parametrize("flag", ["--load", "--image"])
def test_an_unknown_home_folder_is_named_once(chat, flag):
    outcome = chat(flag, "~nobody-here/x", "-m", "hi")
    assert (outcome.code, outcome.err) == (2, f"❌ Error: {flag}: the home folder of '~nobody-here/x' is unknown\n")


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_slash_system_does_not_wait_for_a_pipe(chat, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "script").write_text(f"/system @{tmp_path / 'pipe'}")
    outcome = chat("--script", str(tmp_path / "script"))
    assert outcome.code == 2
    assert f"/system: cannot read '{tmp_path / 'pipe'}': no program writes into this pipe" in outcome.err


def test_slash_system_reads_a_file(chat, model_server, prompt_file, tmp_path):
    name = tmp_path / "a prompt.md"
    name.write_text("In {{lang}}")
    script = tmp_path / "script"
    script.write_text(f"/system @{name}\nhi\n/system @@home\nhi\n")
    arguments = ["--system-prompt", f"@{prompt_file}", "--variable=lang=Latin", "--variable=lines=1"]
    assert chat("--script", str(script), *arguments).code == 0
    assert model_server.chats[0].body["messages"][0]["content"] == "In Latin"
    assert system(model_server) == "@home"


def test_slash_system_says_what_it_leaves_unchanged(chat, model_server, prompt_file, tmp_path):
    script = tmp_path / "script"
    script.write_text(f"/system @{prompt_file}\nhi\n")
    outcome = chat("--script", str(script))
    assert outcome.err == (
        f"('{prompt_file}' is sent with {{{{lang}}}}, {{{{lines}}}} unchanged; --variable lang=VALUE gives a value)\n"
        "System prompt replaced\n"
    )
    assert system(model_server) == "Review in {{lang}}, {{lines}} lines."


def test_slash_system_reads_no_file_that_a_pipe_names(chat, model_server, prompt_file):
    outcome = chat(stdin=f"/system @{prompt_file}\nhi\n")
    assert outcome.code == 2
    assert "/system: a file can be named at a prompt and in --script FILE, not from a pipe" in outcome.err
    assert not model_server.chats
    assert chat(stdin="/system @@home\nhi\n").code == 0
    assert system(model_server) == "@home"
