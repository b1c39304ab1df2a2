"""The configuration file, profiles and variables, as the process applies them."""

import json
import os
import re
import stat

import pytest

from kaito.plugin.built_in import SUBCOMMANDS
from kaito.testing import Outcome, kaito_command

FILE = "~/.config/kaito/config.toml"


@pytest.fixture
def config(clean_environment):
    """Return a function that writes the configuration file and returns its path."""

    def write(text):
        path = clean_environment / ".config/kaito/config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        return path

    return write


@pytest.fixture
def edit(terminal):
    """Return a function that runs `kaito config edit` on a terminal."""

    def edit(env):
        session = terminal(kaito_command("config", "edit"), env=env, stderr="pipe")
        return Outcome(code=session.wait_exit(), out_bytes=session.out, err_bytes=session.err)

    return edit


def sent(server):
    return server.chats[-1].body


def test_defaults_profile_variable_and_flag(kaito, model_server, config):
    config(f"""
        [defaults]
        endpoint = "{model_server.url}"
        temperature = 0.1
        max-tokens = 11
        top-p = 0.11
        seed = 1
        [profiles.work]
        max-tokens = 22
        top-p = 0.22
        seed = 2
    """)
    env = {"KAITO_TOP_P": "0.33", "KAITO_SEED": "3"}
    outcome = kaito("chat", "--profile", "work", "--seed", "4", "-m", "hi", env=env)
    assert (outcome.code, outcome.out, outcome.err) == (0, "Assistant: hi\n", "")
    body = sent(model_server)
    assert (body["temperature"], body["max_tokens"], body["top_p"], body["seed"]) == (0.1, 22, 0.33, 4)


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_profile_is_chosen_before_or_after_the_command(kaito, model_server, config, place):
    config(f'[profiles.work]\nendpoint = "{model_server.url}"\nseed = 5')
    flags = ["--profile", "work"]
    arguments = [*flags, "chat", "-m", "hi"] if place == "before" else ["chat", "-m", "hi", *flags]
    assert kaito(*arguments).code == 0
    assert sent(model_server)["seed"] == 5


def test_a_variable_chooses_a_profile_and_a_flag_another(kaito, model_server, config):
    config(f'[defaults]\nendpoint = "{model_server.url}"\n[profiles.a]\nseed = 1\n[profiles.b]\nseed = 2')
    kaito("chat", "-m", "hi", env={"KAITO_PROFILE": "a"})
    assert sent(model_server)["seed"] == 1
    kaito("chat", "-m", "hi", "--profile=b", env={"KAITO_PROFILE": "a"})
    assert sent(model_server)["seed"] == 2


def test_values_of_each_kind(kaito, model_server, config):
    config(f"""
        [defaults]
        endpoint = "{model_server.url}"
        stop = ["END", "\\n\\n"]
        extra-body = {{ top_a = 0.2, nested = {{ list = [1, true] }} }}
        stream = false
        header = ["X-One: 1", "X-Two: 2"]
        think = true
        connect-timeout = 5
        output = "json"
    """)
    outcome = kaito("chat", "-m", "hi")
    assert json.loads(outcome.out)["text"] == "hi"
    body, headers = sent(model_server), model_server.chats[-1].headers
    assert (body["stop"], body["top_a"], body["nested"]) == (["END", "\n\n"], 0.2, {"list": [1, True]})
    assert (body["stream"], headers["x-one"], headers["x-two"]) == (False, "1", "2")
    assert body["chat_template_kwargs"]["enable_thinking"] is True


def test_variables_of_each_kind(kaito, model_server):
    env = {
        "KAITO_ENDPOINT": model_server.url,
        "KAITO_STREAM": "off",
        "KAITO_STATS": "1",
        "KAITO_HEADER": '["X-One: 1", "X-Two: 2"]',
        "KAITO_STOP": '["END"]',
        "KAITO_SYSTEM_PROMPT": "",
    }
    outcome = kaito("chat", "-m", "hi", env=env)
    assert outcome.out == "Assistant: hi\n"
    assert "tokens" in outcome.err
    body, headers = sent(model_server), model_server.chats[-1].headers
    assert (body["stream"], body["stop"], headers["x-one"], headers["x-two"]) == (False, ["END"], "1", "2")
    assert [message["role"] for message in body["messages"]] == ["user"]


def test_a_command_s_own_variable_comes_before_the_general_one(kaito, model_server):
    env = {"KAITO_ENDPOINT": model_server.url, "KAITO_SEED": "1", "KAITO_CHAT_SEED": "2"}
    assert kaito("chat", "-m", "hi", env=env).code == 0
    assert sent(model_server)["seed"] == 2


def test_each_switch_can_be_turned_off_again(kaito, model_server, config):
    config(f'[defaults]\nendpoint = "{model_server.url}"\nstream = false\nstats = true\nseed = 7\nstop = "END"')
    outcome = kaito("chat", "-m", "hi", "--stream", "--no-stats", "--no-seed", "--no-stop")
    assert (outcome.out, outcome.err) == ("Assistant: hi\n", "")
    body = sent(model_server)
    assert body["stream"] is True
    assert not {"seed", "stop"} & body.keys()
    # The last one of a line holds, as for any flag.
    assert "tokens" in kaito("chat", "-m", "hi", "--no-stats", "--stats").err
    assert kaito("chat", "-m", "hi", "--stats", "--no-stats").err == ""


@pytest.mark.parametrize(
    ("command", "flag"),
    [("history", "all"), ("history", "yes"), ("history", "force"), ("deploy", "force-conflicts")],
)
def test_a_flag_that_destroys_is_never_configured(kaito, edit, config, command, flag):
    name = flag.replace("-", "_").upper()
    variables = {f"KAITO_{name}": "1", f"KAITO_{command.upper()}_{name}": "1"}
    arguments = {"history": ["history"], "deploy": ["deploy", "w", "--model", "phi-4", "--dry-run=client"]}[command]
    if command == "history":
        outcome = kaito(*arguments, env=variables)
        assert (outcome.code, outcome.err) == (0, "There is no conversation yet\n")
    config(f"[defaults.{command}]\n{flag} = true")
    # `config edit` refuses it as the command does.
    for outcome in (kaito(*arguments), edit({"EDITOR": "true"})):
        assert outcome.code == 2
        assert f"[defaults.{command}] {flag}: is for one run, and cannot be set here" in outcome.err
    outcome = kaito(command, f"--no-{flag}", "--no-config")
    assert f"Unknown flag '--no-{flag}'" in outcome.err


def test_variables_delete_no_conversations(chat, kaito):
    chat("-m", "one")
    outcome = kaito("history", "delete", env={"KAITO_HISTORY_ALL": "1", "KAITO_HISTORY_YES": "1"})
    assert (outcome.code, outcome.err.splitlines()[0]) == (2, "❌ Error: history delete: needs IDs, or --all")
    assert "one" in kaito("history").out


def test_a_flag_that_cannot_be_set_has_no_counterpart(kaito):
    outcome = kaito("chat", "--no-message")
    assert outcome.code == 2
    assert "Unknown flag '--no-message'" in outcome.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[defaults]\n\ntemperature = 3", "line 3: [defaults] temperature: '3' is not a number from 0.0 to 2.0"),
        (
            "[profiles.p]\nmax-tokens = 0",
            "line 2: [profiles.p] max-tokens: '0' is not a whole number from 1 to 2147483647",
        ),
        ("[defaults]\ntemperature = nan", "line 2: [defaults] temperature: 'nan' is not a number from 0.0 to 2.0"),
        ("[defaults]\nstream = 'off'", "line 2: [defaults] stream: is not true or false"),
        ("[defaults]\nmodel = 1979-05-27", "line 2: [defaults] model: is not text or a number"),
        ("[defaults]\nmodel = ['a']", "line 2: [defaults] model: is not text or a number"),
        ("[defaults]\nheader = [['a']]", "line 2: [defaults] header: is not text or a list of texts"),
        (
            "[defaults]\nextra-body = [1]\nseed = 'A'",
            "line 2: [defaults] extra-body: expected object, got array",
        ),
        (
            "[defaults]\nnamspace = 'a'",
            "line 2: [defaults] namspace: there is no such flag\n   Did you mean namespace?",
        ),
        ("[defaults]\nno-stream = true", "line 2: [defaults] no-stream: is written without 'no-'\n   stream = false"),
        (
            "[defaults]\nport = 1",
            "line 2: [defaults] port: is a flag of single commands\n   Put it below [defaults.forward]",
        ),
        (
            "[defaults]\nwait = true",
            "line 2: [defaults] wait: is a flag of single commands\n   Put it below [defaults.chat] or [defaults.forward] "
            "or [defaults.status] or [defaults.get-endpoint] or [defaults.deploy]\n",
        ),
        ("[defaults]\nextra-body = { a = nan }", "line 2: [defaults] extra-body: has a value that JSON does not have"),
        (
            "[defaults]\nextra-body = { a = [-inf] }",
            "line 2: [defaults] extra-body: has a value that JSON does not have",
        ),
        (
            "[defaults]\nextra-body = { a = 1979-05-27 }",
            "line 2: [defaults] extra-body: has a value that JSON does not",
        ),
        ("[defaults]\nplugin = '/nowhere.py'", "line 2: [defaults] plugin: file '/nowhere.py' not found"),
        ("[profiles.p]\nplugin = ['nowhere']", "line 2: [profiles.p] plugin: module 'nowhere' not found"),
        ("[defaults]\nmessage = 'a'", "line 2: [defaults] message: is for one run, and cannot be set here"),
        ("[defaults.chat]\nmessage = 'a'", "line 2: [defaults.chat] message: is for one run, and cannot be set here"),
        ("[defaults.chat]\nport = 1", "line 2: [defaults.chat] port: there is no such flag"),
        ("[defaults.caht]\nseed = 1", "line 1: [defaults] caht: there is no such flag\n   Did you mean chat?"),
        (
            "[profiles.work]\nstatus = 1",
            "line 2: [profiles.work] status: is a command, which takes a table\n"
            "   Write it as a line with [profiles.work.status]",
        ),
        (
            "[defaults.chat.variables]\nlang = 'French'",
            "line 1: [defaults.chat] variables: is for all commands\n   Put it below [defaults.variables]",
        ),
        ("[profile.work]\nseed = 1", "line 1: [profile]: there is no such table\n   Did you mean [profiles]?"),
        ("seed = 1", "line 1: seed: is not in a table\n   Put it below a line with [defaults]"),
        ("defaults = 1", "line 1: defaults: is not a table\n   Write it as a line with [defaults]"),
        ("[profiles]\nwork = 1", "line 2: profiles.work: is not a table"),
        ("[defaults]\nvariables = 1", "line 2: [defaults] variables: is not a table"),
        ("[defaults]\nseed = 1\nseed = 2", "line 3: this is not valid TOML\n   This key or table is in the file twice"),
        ("[defaults\nseed = 1", "line 1, column 10: this is not valid TOML"),
        (b"[defaults]\nmodel = '\xff'", "it is not UTF-8: byte 21 is 0xff"),
        ("[defaults]\nmodel = '" + "a" * 300_000 + "'", "it is larger than 256 KiB"),
        ("a = " + "[" * 100_000, "it is nested too deeply"),
    ],
    ids=range(33),
)
def test_a_fault_of_the_file_names_the_place(kaito, config, text, message):
    config(text)
    outcome = kaito(
        "chat", "--endpoint", "http://localhost:1", *(["--profile", "p"] if "[profiles.p]" in str(text) else [])
    )
    assert outcome.code == 2
    assert outcome.out == ""
    assert FILE in outcome.err.splitlines()[0]
    assert message in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("KAITO_TEMPERATURE", "3", "KAITO_TEMPERATURE: '3' is not a number from 0.0 to 2.0"),
        ("KAITO_STREAM", "maybe", "KAITO_STREAM: 'maybe' is not on or off"),
        ("KAITO_HEADER", "[1]", "KAITO_HEADER: is not a value, or a JSON list of texts"),
        ("KAITO_NO_CONFIG", "maybe", "KAITO_NO_CONFIG: 'maybe' is not on or off"),
        ("KAITO_PROFILE", "work", "KAITO_PROFILE: there is no profile 'work'"),
        ("KAITO_OUTPUT", "xml", "KAITO_OUTPUT: 'xml' is not one of "),
        ("KAITO_BACKEND", "none", "KAITO_BACKEND: 'none' is not one of auto, "),
        ("KAITO_API_KEY_FILE", "/missing", "KAITO_API_KEY_FILE: cannot read '/missing'"),
    ],
)
def test_a_fault_of_a_variable_names_it(kaito, variable, value, message):
    endpoint = ["--workspace-name", "w"] if variable == "KAITO_BACKEND" else ["--endpoint", "http://localhost:1"]
    outcome = kaito("chat", *endpoint, "-m", "hi", env={variable: value})
    assert outcome.code == 2
    assert message in outcome.err


def test_a_contradiction_names_where_each_value_is_set(kaito, config, tmp_path):
    (tmp_path / "ca.pem").write_text("")
    config(
        f"[defaults]\nendpoint = 'http://localhost:1'\ninsecure-skip-tls-verify = true\ncertificate-authority = '{tmp_path}/ca.pem'"
    )
    outcome = kaito("chat", "-m", "hi")
    assert outcome.code == 2
    first, second = outcome.err.splitlines()
    assert first.endswith(
        "config.toml, line 4: [defaults] certificate-authority: cannot be used with --insecure-skip-tls-verify"
    )
    assert second == f"   --insecure-skip-tls-verify is set by {FILE}, line 3"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('api-key = "s3cret"', "api-key"),
        ('api_key = "s3cret"', "api_key"),
        ('apiKey = "s3cret"', "apiKey"),
        ('token = "s3cret"', "token"),
        ('password = "s3cret"', "password"),
        ("variables = { token = 's3cret' }", "token"),
        ('variable = ["lang=French", "token=s3cret"]', "token"),
        ('endpoint = "https://host/#access_token=s3cret"', "access_token"),
        ('endpoint = "https://me:s3cret@host"', "a password"),
        ('endpoint = "https://host/v1?api-key=s3cret"', "api-key"),
        ('endpoint = "https://host/v1?sig=s3cret"', "sig"),
        ('header = "Authorization: s3cret"', "Authorization"),
        ('header = ["X-One: 1", "cookie: s3cret"]', "cookie"),
        ('header = "X-Api-Key: s3cret"', "X-Api-Key"),
        ('header = "X-Other: Bearer s3cret"', "X-Other"),
        ("extra-body = { api_key = 's3cret' }", "api_key"),
        ('extra-body = \'{"api_key": "s3cret"}\'', "api_key"),
    ],
)
def test_secrets_are_refused_and_not_shown(kaito, config, line, name):
    config(f"[defaults]\n{line}")
    outcome = kaito("config")
    assert outcome.code == 2
    assert name in outcome.err
    assert "line 2" in outcome.err
    assert "secret" in outcome.err
    assert "api-key-file" in outcome.err
    assert "s3cret" not in outcome.out + outcome.err


@pytest.mark.parametrize("arguments", [["chat", "-m", "hi"], None, ["status"], ["config", "-o", "json"]])
def test_each_command_refuses_secrets(kaito, edit, config, arguments):
    config('[profiles.unused]\npassword = "s3cret"')
    outcome = kaito(*arguments) if arguments is not None else edit({"EDITOR": "true"})
    assert outcome.code == 2
    assert "line 2: password: a secret must not be in this file" in outcome.err
    assert "s3cret" not in outcome.out + outcome.err


def test_secrets_in_files_and_other_values_are_allowed(kaito, model_server, config):
    path = config(f"""
        [defaults]
        endpoint = "{model_server.url}?api-version=2024"
        api-key-file = "key"
        header = ["@headers", "X-Team: research"]
        extra-body = {{ stop_token_ids = [1], min_tokens = 1 }}
        [defaults.deploy]
        model-access-secret = "hf"
    """)
    (path.parent / "key").write_text("s3cret\n")
    (path.parent / "headers").write_text("X-Auth-Token: other\n")
    assert kaito("chat", "-m", "hi").code == 0
    headers = model_server.chats[-1].headers
    assert (headers["authorization"], headers["x-auth-token"], headers["x-team"]) == (
        "Bearer s3cret",
        "other",
        "research",
    )
    outcome = kaito("config")
    assert outcome.code == 0
    assert "@" in outcome.out
    assert "research" not in outcome.out
    assert "s3cret" not in outcome.out


def test_a_key_in_a_variable_comes_before_the_file_s(kaito, model_server, config):
    path = config(f'[defaults]\nendpoint = "{model_server.url}"\napi-key-file = "key"')
    (path.parent / "key").write_text("file")
    kaito("chat", "-m", "hi", env={"KAITO_API_KEY": "variable"})
    assert model_server.chats[-1].headers["authorization"] == "Bearer variable"
    outcome = kaito("config", env={"KAITO_API_KEY": "s3cret"})
    assert "api-key " in outcome.out
    assert "KAITO_API_KEY" in outcome.out
    assert "s3cret" not in outcome.out + outcome.err


def test_a_key_stays_with_its_server(kaito, model_server, start_model_server, config):
    other = start_model_server()
    path = config(f"""
        [defaults]
        endpoint = "{model_server.url}"
        api-key-file = "key"
        header = "X-Team: a"
        model = "test-model"
        seed = 1
    """)
    (path.parent / "key").write_text("key")
    assert kaito("chat", "-m", "hi", "--endpoint", other.url).code == 0
    headers = other.chats[-1].headers
    assert not {"authorization", "x-team"} & {*headers}
    assert "model" not in other.chats[-1].body or other.chats[-1].body["model"] == other.model
    assert other.chats[-1].body["seed"] == 1
    # Naming the same server changes nothing.
    assert kaito("chat", "-m", "hi", "--endpoint", model_server.url).code == 0
    assert model_server.chats[-1].headers["authorization"] == "Bearer key"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--profile", "wrok"],
            "--profile: there is no profile 'wrok' in ~/.config/kaito/config.toml\n   Did you mean work?",
        ),
        (
            ["--profile", "x"],
            "--profile: there is no profile 'x' in ~/.config/kaito/config.toml\n   Its profiles: work",
        ),
        (["--profile", "work", "--no-config"], "--profile: cannot be used with --no-config"),
    ],
)
def test_a_wrong_choice_of_a_profile(kaito, config, arguments, message):
    config("[profiles.work]")
    outcome = kaito("chat", "--endpoint", "http://localhost:1", *arguments)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_profile_without_a_file(kaito):
    outcome = kaito("chat", "--profile", "work")
    assert outcome.code == 2
    assert (
        "there is no profile 'work'\n   Profiles are in ~/.config/kaito/config.toml, which does not exist"
        in outcome.err
    )


def test_no_config_ignores_the_file_and_the_variables(kaito, model_server, config):
    config("[defaults]\nseed = 1\ntemperature = 9")
    env = {"KAITO_STOP": "END", "KAITO_PROFILE": "none", "KAITO_STATS": "maybe"}
    assert kaito("chat", "--no-config", "--endpoint", model_server.url, "-m", "hi", env=env).err == ""
    assert not {"seed", "stop"} & sent(model_server).keys()
    # The variable ignores what is below variables.
    env = {"KAITO_STOP": "END", "KAITO_PROFILE": "none", "KAITO_NO_CONFIG": "1", "KAITO_ENDPOINT": model_server.url}
    assert kaito("chat", "-m", "hi", env=env).err == ""
    assert sent(model_server)["stop"] == ["END"]
    assert "seed" not in sent(model_server)


def test_the_current_folder_is_never_read(kaito, config, tmp_path, model_server):
    for name in ("config.toml", "kaito/config.toml", ".config/kaito/config.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[defaults]\ntemperature = 9\n")
    for variable in (None, "", ".", ".config"):
        env = {"XDG_CONFIG_HOME": variable}
        outcome = kaito("chat", "--endpoint", model_server.url, "-m", "hi", env=env, cwd=tmp_path)
        assert (outcome.code, outcome.err) == (0, "")


def test_a_user_without_a_home_has_no_configuration(kaito, model_server):
    env = {"XDG_CONFIG_HOME": None, "HOME": ""}
    assert kaito("chat", "--endpoint", model_server.url, "-m", "hi", env=env).out == "Assistant: hi\n"


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_file_that_others_can_write_is_reported(kaito, config, model_server):
    config("[defaults]\nseed = 1").chmod(0o666)
    outcome = kaito("chat", "--endpoint", model_server.url, "-m", "hi")
    assert outcome.code == 0
    assert outcome.err == f"({FILE} can be written by other users; 'chmod go-w' changes that)\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes and permissions")
def test_what_is_not_a_readable_file(kaito, clean_environment):
    path = clean_environment / ".config/kaito/config.toml"
    path.mkdir(parents=True)
    for reason in ("Is a directory", "it is not a regular file", "No such file or directory", "Permission denied"):
        if reason.startswith("it"):
            path.rmdir()
            os.mkfifo(path)
        elif reason.startswith("No"):
            path.unlink()
            path.symlink_to("missing")
        elif reason.startswith("Perm"):
            if os.geteuid() == 0:
                continue
            path.unlink()
            path.write_text("")
            path.chmod(0)
        outcome = kaito("chat", "--endpoint", "http://localhost:1")
        assert outcome.code == 2
        assert outcome.err == f"❌ Error: Cannot read {FILE}: {reason}\n   --no-config ignores the file\n"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions, which root does not need")
def test_a_folder_that_cannot_be_searched_is_reported(kaito, config, model_server):
    folder = config("[defaults]\nseed = 1").parent
    folder.chmod(0)
    try:
        outcome = kaito("chat", "--endpoint", model_server.url, "-m", "hi")
    finally:
        folder.chmod(0o700)
    assert (outcome.code, outcome.out) == (0, "Assistant: hi\n")
    assert f"(cannot read {FILE}: Permission denied; --no-config ignores it)\n" in outcome.err


BROKEN = "[defaults\ns3cret"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["chat", "--help"],
        ["help", "chat"],
        ["completion", "bash"],
        ["config", "path"],
        ["config", "--help"],
    ],
)
def test_what_works_with_a_broken_file(kaito, config, arguments):
    config(BROKEN)
    outcome = kaito(*arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out


def test_config_shows_a_broken_file_s_fault_after_the_values(kaito, config):
    config(BROKEN)
    outcome = kaito("config")
    assert outcome.code == 2
    assert "temperature" in outcome.out
    assert "config.toml, line 1, column 10: this is not valid TOML" in outcome.err
    assert "s3cret" not in outcome.err + outcome.out


def shown_by_config(kaito, *arguments, env=None):
    """Return what `kaito config` shows as text, by name, and its data."""
    plain, data = (kaito("config", *arguments, *more, env=env) for more in ([], ["-o", "json"]))
    assert (plain.code, data.code) == (2, 2)
    assert plain.err == data.err
    rows = {line.split("  ")[0]: line for line in plain.out.splitlines()}
    return rows, json.loads(data.out), plain


def test_config_shows_what_applies_beside_a_variable_that_is_not_valid(kaito, config):
    config('[defaults]\nworkspace-name = "demo"\nmax-tokens = 5')
    message = "KAITO_MAX_TOKENS: 'x' is not a whole number from 1 to 2147483647"
    rows, data, plain = shown_by_config(kaito, env={"KAITO_MAX_TOKENS": "x", "KAITO_SEED": "3"})
    assert rows["workspace-name"].split() == ["workspace-name", "demo", "defaults"]
    assert rows["seed"].split() == ["seed", "3", "KAITO_SEED"]
    assert rows["max-tokens"].split(None, 4)[1:] == ["(not", "valid)", "KAITO_MAX_TOKENS", message]
    assert plain.err == f"❌ Error: {message}\n"
    values = {one.pop("name"): one for one in data["values"]}
    place = "KAITO_MAX_TOKENS"
    assert values["max-tokens"] == {"value": None, "from": "variable", "place": place, "error": message}
    assert (values["workspace-name"]["value"], values["workspace-name"]["error"]) == ("demo", None)
    assert data["errors"] == [message]


def test_config_shows_each_fault_of_the_file_and_all_that_is_valid(kaito, config):
    config("""
        [defaults]
        workspace-name = "demo"
        namspace = "a"
        top-p = 7
        seed = [1]
        header = "Authorization: s3cret"
        password = "s3cret"
        [defaults.variables]
        lang = "French"
        token = "s3cret"
        lines = true
        [defaults.forward]
        port = "x"
        [defaults.status]
        output = "json"
        [profile.x]
        seed = 1
    """)
    rows, data, plain = shown_by_config(kaito)
    for name in ("top-p", "seed", "header", "forward port"):
        assert "(not valid)" in rows[name]
    assert "s3cret" not in plain.out + plain.err + str(data)
    shown = {name: rows[name].split()[-2:] for name in ("workspace-name", "variable lang", "status output")}
    assert shown == {
        "workspace-name": ["demo", "defaults"],
        "variable lang": ["French", "defaults"],
        "status output": ["defaults,", "status"],
    }
    assert len(data["errors"]) == plain.err.count("❌") == 9
    for line in (4, 5, 6, 7, 8, 11, 12, 14, 17):
        assert plain.err.count(f"config.toml, line {line}: ") == 1, line


def test_config_with_a_profile_that_does_not_exist_shows_what_else_applies(kaito, config):
    path = config("[defaults]\nseed = 1\n[profiles.work]\nseed = 2")
    rows, data, plain = shown_by_config(kaito, "--profile", "nope")
    assert rows["seed"].split() == ["seed", "1", "defaults"]
    assert plain.out.splitlines()[1] == "Profile: nope, which does not exist (the file has work)"
    assert (data["file"], data["profile"]) == (str(path), None)
    assert data["errors"] == ["--profile: there is no profile 'nope' in ~/.config/kaito/config.toml"]


def test_config_does_not_call_built_in_what_a_broken_file_may_set(kaito, config):
    config(BROKEN)
    rows, data, plain = shown_by_config(kaito, env={"KAITO_SEED": "3"})
    assert plain.out.startswith(f"File: {FILE} (cannot be used)\n")
    assert rows["seed"].split() == ["seed", "3", "KAITO_SEED"]
    assert rows["temperature"].split() == ["temperature", "-", "unknown"]
    assert {one["from"] for one in data["values"]} == {"variable", "unknown"}


@pytest.mark.parametrize("name", sorted(SUBCOMMANDS))
def test_a_broken_file_stops_each_other_command(kaito, config, name):
    config(BROKEN)
    words = {"completion": ["bash"], "deploy": ["w", "--model", "m"], "chat": ["--endpoint", "http://localhost:1"]}
    outcome = kaito(name, *words.get(name, []))
    assert outcome.code == (0 if name == "completion" else 2)
    assert ("config.toml, line 1" in outcome.err) == (name != "completion")


def test_defaults_of_other_commands(kaito, config):
    config("""
        [defaults]
        output = "markdown"
        model = "a-chat-model"
        workspace-name = "my-llama"
        [defaults.deploy]
        instance-type = "g6.4xlarge"
        output = "yaml"
        dry-run = "client"
        [defaults.status]
        output = "xml"
    """)
    outcome = kaito("deploy", "my-phi", "--model", "phi-4")
    assert (outcome.code, outcome.err) == (0, "")
    assert "name: my-phi" in outcome.out
    assert "instanceType: g6.4xlarge" in outcome.out
    # Neither the model nor the name is that of a chat.
    assert "--model is required" in kaito("deploy", "my-phi").err
    assert "NAME is missing" in kaito("deploy", "--model", "phi-4").err
    outcome = kaito("status")
    assert outcome.code == 2
    assert "line 11: [defaults.status] output: 'xml' is not one of plain, " in outcome.err
    assert json.loads(kaito("plugins", "-o", "json").out)


def test_kubernetes_variables_of_a_service_are_no_flags(kaito, config):
    env = {"KAITO_FORWARD_PORT": "tcp://10.0.0.1:80", "KAITO_PORT": "tcp://10.0.0.1:80"}
    outcome = kaito("forward", env=env)
    assert "--workspace-name is required" in outcome.err


def test_flags_of_plugins_are_configured_too(kaito, model_server, config, tmp_path):
    (tmp_path / "mine.py").write_text("""
from kaito import hookimpl

@hookimpl
def kaito_add_options(command, options):
    if command == "chat":
        options.add("--redact", metavar="WORD", help="Send *** for this word", repeatable=True)
        options.add("--level", metavar="N", parse=int, default=1, help="A level")
        options.add("--loud", switch=True, help="In capitals")
        options.add("--words", metavar="FILE", help="A file")

@hookimpl
def kaito_request(request, settings):
    values = [settings.option(name) for name in ("redact", "level", "loud", "words")]
    return request.replace(extra={"seen": values})
""")
    path = config(f"""
        [defaults]
        endpoint = "{model_server.url}"
        plugin = "{tmp_path}/mine.py"
        redact = ["a", "b"]
        level = 3
        loud = true
        words = "w.txt"
    """)
    assert kaito("chat", "-m", "hi").err == ""
    assert sent(model_server)["seen"] == [["a", "b"], 3, True, str(path.parent / "w.txt")]
    outcome = kaito("chat", "-m", "hi", "--no-loud", "--redact", "c", "--no-words", env={"KAITO_LEVEL": "4"})
    assert outcome.err == ""
    assert sent(model_server)["seen"] == [["c"], 4, False, None]
    assert "KAITO_LEVEL: 'x'" in kaito("chat", "-m", "hi", env={"KAITO_LEVEL": "x"}).err
    assert "loud" in kaito("config").out
    assert "--loud" in kaito("chat", "--help").out
    # The keys of plugins are known to commands without these flags; a misspelt one is not.
    assert "redact" not in kaito("status", "--kubeconfig", "/dev/null").err
    config(f'[defaults]\nplugin = "{tmp_path}/mine.py"\nlevle = 3')
    assert "Did you mean level?" in kaito("status").err
    path.write_text(f'[defaults]\nplugin = "{tmp_path}/mine.py"\nlevel = "x"')
    outcome = kaito("chat", "--endpoint", model_server.url, "-m", "hi")
    assert "line 3: [defaults] level: 'x'" in outcome.err


def test_a_plugin_s_flag_means_the_same_in_its_subcommand(kaito, config, tmp_path):
    (tmp_path / "mine.py").write_text("""
from kaito import Command, hookimpl

def add(options):
    options.add("--words", metavar="FILE", help="A file")
    options.add("--own", help="A word")

@hookimpl
def kaito_add_options(options):
    options.add("--words", metavar="FILE", help="A file")

@hookimpl
def kaito_commands():
    return [Command(name="mine", summary="Write", options=add, run=lambda c: c.write(f"{c.option('words')} {c.option('own')}"))]
""")
    plugin = f"[defaults]\nplugin = '{tmp_path}/mine.py'\n"
    path = config(f"{plugin}words = 'w'\n[defaults.mine]\nown = 'o'")
    assert kaito("mine").out == f"{path.parent}/w o"
    assert kaito("mine", "--no-words", env={"KAITO_MINE_OWN": "p"}).out == "None p"
    assert kaito("mine", env={"KAITO_WORDS": "v", "KAITO_OWN": "p"}).out == "v o"
    path.write_text(f"{plugin}own = 'o'")
    assert "line 3: [defaults] own: there is no such flag" in kaito("mine").err


def test_a_switch_of_a_plugin_that_turns_off_is_set_by_its_positive_name(kaito, model_server, config, tmp_path):
    (tmp_path / "mine.py").write_text("""
from kaito import Command, hookimpl

@hookimpl
def kaito_add_options(command, options):
    options.add("--no-mask", switch=True, help="Send all words")
    # These are two.
    options.add("--no-loud", switch=True, help="Never in capitals")
    options.add("--loud", switch=True, help="In capitals")

@hookimpl
def kaito_request(request, settings):
    return request.replace(extra={"seen": [settings.option(name) for name in ("no_mask", "no_loud", "loud")]})
""")
    plugin = f"[defaults]\nplugin = '{tmp_path}/mine.py'\nendpoint = '{model_server.url}'\n"
    path = config(plugin)
    chat = ["chat", "-m", "hi"]
    for line, flags, env, seen in [
        ("", [], {}, [False, False, False]),
        ("mask = false", [], {}, [True, False, False]),
        ("mask = true", [], {}, [False, False, False]),
        ("mask = false", ["--mask"], {}, [False, False, False]),
        ("mask = true", ["--no-mask"], {}, [True, False, False]),
        ("", [], {"KAITO_MASK": "off"}, [True, False, False]),
        ("mask = false", [], {"KAITO_MASK": "on"}, [False, False, False]),
        ("loud = true\nno-loud = true", [], {}, [False, True, True]),
    ]:
        path.write_text(f"{plugin}{line}\n")
        outcome = kaito(*chat, *flags, env=env)
        assert (outcome.code, outcome.err) == (0, ""), line
        assert sent(model_server)["seen"] == seen, (line, flags, env)
    path.write_text(f"{plugin}no-mask = true\n")
    assert "line 4: [defaults] no-mask: is written without 'no-'\n   mask = false" in kaito(*chat).err
    path.write_text(f"{plugin}mask = false\n")
    # Commands that do not have it leave it alone.
    assert kaito("plugins").code == 0
    rows = [line.split() for line in kaito("config").out.splitlines()]
    assert ["mask", "off", "defaults"] in rows


def test_config_edit_checks_the_tables_of_plugins_commands(edit, config, tmp_path):
    (tmp_path / "mine.py").write_text("""
from kaito import Command, hookimpl

def add(options):
    options.add("--words", metavar="FILE", help="A file")
    options.add("--size", parse=int, help="A number")
    options.add("--wipe", switch=True, configurable=False, help="Delete all")

@hookimpl
def kaito_add_options(options):
    options.add("--words", metavar="FILE", help="A file")

@hookimpl
def kaito_commands():
    return [Command(name="mine", summary="Write", options=add, run=lambda c: c.write("mine"))]
""")
    plugin = f"[defaults]\nplugin = '{tmp_path}/mine.py'\nwords = 'w'\n"
    path = config("")
    for text, message in [
        ("[defaults.mine]\nsize = 1\n[profiles.p.mine]\nwords = 'v'", f"{FILE} is valid"),
        ("[defaults.mine]\nnope = 1", "line 5: [defaults.mine] nope: there is no such flag"),
        ("[defaults.mine]\nsiez = 1", "Did you mean size?"),
        ("[profiles.p.mine]\nsize = 'x'", "line 5: [profiles.p.mine] size: 'x'"),
        ("[defaults.mine]\nwipe = true", "line 5: [defaults.mine] wipe: is for one run"),
    ]:
        path.write_text(f"{plugin}{text}\n")
        outcome = edit({"EDITOR": "true"})
        assert message in outcome.err, text
        assert outcome.code == (0 if "valid" in message else 2)


def test_config_edit_checks_the_tables_of_installed_commands(edit, config, tmp_path):
    (tmp_path / "theirs.py").write_text("""
from kaito import Command, hookimpl

@hookimpl
def kaito_commands():
    return [Command(name="theirs", summary="Write", run=lambda c: c.write("theirs"))]
""")
    (tmp_path / "theirs-1.dist-info").mkdir()
    (tmp_path / "theirs-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (tmp_path / "theirs-1.dist-info/entry_points.txt").write_text("[kaito.commands]\ntheirs = theirs\n")
    config("[defaults.theirs]\nnope = 1")
    environ = {"EDITOR": "true", "PYTHONPATH": str(tmp_path), "KAITO_PLUGINS": None}
    outcome = edit(environ)
    assert outcome.code == 2
    assert "line 2: [defaults.theirs] nope: there is no such flag" in outcome.err
    # What may not be loaded is not checked, and that is said.
    for text, reason in [
        ("", "KAITO_PLUGINS leaves 'theirs' out"),
        ("theirs", "the plugin of 'theirs' cannot be loaded"),
    ]:
        if text:
            (tmp_path / "theirs.py").write_text("1 / 0")
        outcome = edit({**environ, "KAITO_PLUGINS": text})
        assert f"[defaults.theirs] was not checked: {reason}" in outcome.err
        assert outcome.err.endswith(f"{FILE} is valid\n")
        assert outcome.code == 0


def test_a_plugin_of_the_file_that_does_not_exist(kaito, config):
    config("[defaults]\nplugin = 'missing_module_x'")
    outcome = kaito("chat", "--endpoint", "http://localhost:1")
    assert outcome.code == 2
    assert "missing_module_x" in outcome.err
    assert kaito("chat", "--no-plugin", "--help").code == 0


def test_verbose_in_the_file_shows_tracebacks_of_plugins(kaito, config, tmp_path):
    (tmp_path / "mine.py").write_text("""
from kaito import Command, hookimpl

def run(context):
    raise LookupError("oops")

@hookimpl
def kaito_commands():
    return [Command(name="mine", summary="Fail", run=run)]
""")
    # The tables of its subcommand are known to all commands.
    config(f"[defaults]\nverbose = true\nplugin = '{tmp_path}/mine.py'\n[defaults.mine]\ncolor = 'never'")
    assert kaito("chat", "--endpoint", "http://localhost:1", "--no-stdin").err.endswith("--no-stdin: needs --message\n")
    outcome = kaito("mine")
    assert outcome.code == 1
    assert outcome.err.startswith(f"configuration: {FILE}\n")
    assert "Traceback" in outcome.err
    assert "Traceback" not in kaito("mine", "--no-verbose").err


def test_verbose_and_color_of_the_configuration(kaito, config):
    config("[defaults]\nverbose = true\ncolor = 'always'")
    outcome = kaito("chat")
    assert "\x1b[31m❌" in outcome.err
    assert "\x1b" not in kaito("chat", "--no-color").err
    assert kaito("nothing", env={"KAITO_COLOR": "always"}).err.startswith("\x1b[31m")
    assert kaito("--no-config", "nothing", env={"KAITO_COLOR": "always"}).err.startswith("❌")


def test_config_shows_values_and_origins(kaito, config):
    path = config("""
        [defaults]
        temperature = 0.2
        stats = true
        [defaults.forward]
        port = 9000
        [profiles.work]
        namespace = "team"
        header = ["X-Team: a", "@file"]
        [profiles.work.variables]
        lang = "French"
    """)
    (path.parent / "file").write_text("X-Two: 2")
    arguments = ["config", "--profile", "work", "--top-p", "0.5"]
    env = {"KAITO_MAX_TOKENS": "5", "KAITO_STATUS_OUTPUT": "json", "KAITO_NAMSPACE": "x", "KAITO_OTHER": "x"}
    env |= {"KAITO_CONTINUE": "on", "KAITO_EACH": ""}
    data = json.loads(kaito(*arguments, "-o", "json", env=env).out)
    assert (data["file"], data["profile"], data["profiles"]) == (str(path), "work", ["work"])
    values = {one["name"]: one for one in data["values"]}
    assert values["temperature"] == {
        "name": "temperature",
        "value": 0.2,
        "from": "defaults",
        "place": f"{FILE}, line 3",
        "error": None,
    }
    assert values["stats"]["value"] is True
    assert (values["namespace"]["value"], values["namespace"]["from"]) == ("team", "profile")
    assert values["header"]["value"] == ["X-Team: (not shown)", f"@{path.parent}/file"]
    assert (values["max-tokens"]["value"], values["max-tokens"]["place"]) == (5, "KAITO_MAX_TOKENS")
    assert (values["top-p"]["value"], values["top-p"]["from"]) == (0.5, "flag")
    assert (values["stream"]["value"], values["stream"]["from"]) == (True, "built-in")
    assert (values["output"]["value"], values["output"]["from"]) == ("plain", "built-in")
    assert values["variable lang"]["value"] == "French"
    assert values["forward port"]["value"] == 9000
    assert values["status output"]["place"] == "KAITO_STATUS_OUTPUT"
    outcome = kaito(*arguments, env=env)
    assert outcome.err == (
        "KAITO_CONTINUE is not used: --continue is for one run\n"
        "KAITO_NAMSPACE is not used; did you mean KAITO_NAMESPACE?\n"
    )
    lines = {line.split("  ")[0]: line.split() for line in outcome.out.splitlines()}
    assert lines["namespace"] == ["namespace", "team", "profile", "work"]
    assert lines["temperature"] == ["temperature", "0.2", "defaults"]
    assert lines["top-p"] == ["top-p", "0.5", "--top-p"]
    assert lines["min-p"] == ["min-p", "-", "built-in"]
    assert "temperature: 0.2" not in outcome.out
    assert kaito(*arguments, "-o", "yaml", env=env).out.startswith("file: ")


def test_config_without_a_file(kaito):
    outcome = kaito("config")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith(f"File: {FILE} (none)\n\n")
    assert kaito("config", "path").out.endswith("/.config/kaito/config.toml\n")


def test_config_edit_creates_the_file_and_checks_it(edit, clean_environment, tmp_path):
    path = clean_environment / ".config/kaito/config.toml"
    outcome = edit({"EDITOR": "true"})
    assert (outcome.code, outcome.err) == (0, f"{FILE} is valid\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_text().startswith("# The configuration of kaito.")
    # Each example of it is valid.
    lines = [line.removeprefix("# ") for line in path.read_text().splitlines()]
    examples = "\n".join(line for line in lines if re.match(r"\[|[a-z-]+ = ", line))
    (path.parent / "prompts").mkdir()
    (path.parent / "prompts/terse.md").write_text("Be terse, in {{lang}}")
    path.write_text(examples)
    outcome = edit({"EDITOR": "true"})
    assert outcome.err == f"{FILE} is valid\n", examples
    for text, message in [
        ("[profiles.other]\ntemperature = 9", "line 2: [profiles.other] temperature: '9' is not a number"),
        ("[defaults.forward]\nport = 'x'", "line 2: [defaults.forward] port: 'x' is not a port"),
        ("[profiles.p.status]\nwach = true", "Did you mean watch?"),
    ]:
        editor = tmp_path / "editor"
        editor.write_text(f"#!/bin/sh\ncat > \"$1\" <<'E'\n{text}\nE\n")
        editor.chmod(0o755)
        outcome = edit({"VISUAL": str(editor)})
        assert outcome.code == 2
        assert message in outcome.err
        assert path.read_text() == f"{text}\n"


def test_config_edit_failures(edit, clean_environment):
    outcome = edit({"EDITOR": "false"})
    assert outcome.code == 1
    assert "The editor 'false' failed with exit code 1" in outcome.err
    outcome = edit({"EDITOR": "true", "XDG_CONFIG_HOME": "/dev/null"})
    assert outcome.code == 1
    assert "Cannot create /dev/null/kaito/config.toml: Not a directory" in outcome.err


@pytest.mark.parametrize("words", [["chat", "--profile", ""], ["--profile", ""], ["status", "--profile="]])
def test_completion_of_profiles(kaito, config, words):
    config("[profiles.work]\n[profiles.home]")
    assert kaito("__complete", *words).out.splitlines()[:-1] == ["work", "home"]
    config(BROKEN)
    assert kaito("__complete", *words).out.splitlines()[:-1] == []


def test_completion_uses_the_configured_kubeconfig(kaito, config):
    path = config("[defaults]\nkubeconfig = 'kube'\n[profiles.other]\nkubeconfig = 'none'")
    (path.parent / "kube").write_text("contexts:\n- name: one\n  context: {cluster: c, user: u}\n")
    (path.parent / "none").write_text("contexts: []\n")
    assert kaito("__complete", "status", "--context", "").out.splitlines()[:-1] == ["one"]
    assert kaito("__complete", "status", "--profile", "other", "--context", "").out.splitlines()[:-1] == []


def test_completion_of_flags_that_restore(kaito):
    words = [line.split("\t")[0] for line in kaito("__complete", "chat", "--no-s").out.splitlines()]
    assert {"--no-stats", "--no-seed", "--no-stdin", "--no-stream", "--no-system-prompt"} <= {*words}
    assert "--no-stats" not in kaito("__complete", "chat", "--").out


def test_the_variables_of_a_prompt_are_shown_with_the_command_line_s(kaito, config):
    config("[defaults]\nsystem-prompt = 'x'\n[defaults.variables]\nlang = 'Go'\nlines = 3")
    rows = json.loads(kaito("config", "--variable", "lang=Rust", "-o", "json").out)["values"]
    shown = {row["name"]: (row["value"], row["from"]) for row in rows if row["name"].startswith("variable ")}
    assert shown == {"variable lang": ("Rust", "flag"), "variable lines": ("3", "defaults")}


def test_config_edit_needs_a_terminal(kaito, clean_environment):
    outcome = kaito("config", "edit", env={"EDITOR": "true"})
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == "❌ Error: There is no terminal on which the editor could run\n"
    assert not (clean_environment / ".config/kaito").exists()
