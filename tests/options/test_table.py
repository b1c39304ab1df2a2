"""One table drives the flags and `/set`."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from kaito.chat.session_settings import SessionSettings
from kaito.errors import UsageError
from kaito.options import table
from kaito.options.table import SETTINGS
from kaito.settings import Settings
from kaito.types import Message, ResponseSchema, Target
from tests.options.test_flag_values import settings, usage_error

#: A file with a JSON schema.
SCHEMA = str(Path(__file__).with_name("schema.json"))
#: For each setting a value other than its default, as typed and as stored.
VALUES: dict[str, tuple[str, Any]] = {
    "temperature": ("0.5", 0.5),
    "max-tokens": ("7", 7),
    "top-p": ("1", 1.0),
    "seed": ("-5", -5),
    "stop": ('["END", "\\n"]', ["END", "\n"]),
    "presence-penalty": ("-2", -2.0),
    "frequency-penalty": ("2", 2.0),
    "top-k": ("-1", -1),
    "min-p": ("0.1", 0.1),
    "think": ("on", "on"),
    "schema": (SCHEMA, ResponseSchema(name="schema", schema={"type": "object"}, file=SCHEMA)),
    "stream": ("off", False),
    "trim": ("on", True),
    "reasoning": ("off", False),
    "stats": ("on", True),
    "format": ("json", "json"),
}


def test_each_setting_has_a_value_here():
    assert list(VALUES) == list(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_flag_and_the_setting_store_the_same_value(name):
    option = SETTINGS[name]
    typed, stored = VALUES[name]
    by_flag = settings(option.flag, typed) if option.metavar else settings(option.flag)
    assert getattr(by_flag, option.dest) == stored
    by_command = SessionSettings(Settings(), ["json", "plain"])
    by_command.set(name, typed)
    assert getattr(by_command.current, option.dest) == stored
    by_command.set(name, None)
    assert by_command.current == Settings()


@pytest.mark.parametrize("name", SETTINGS)
def test_the_value_is_where_the_table_puts_it_in_the_request(name):
    option, (_, stored) = SETTINGS[name], VALUES[name]
    changed = structs.replace(Settings(), **{option.dest: stored})
    request = SessionSettings(changed, ["json", "plain"]).request((Message("user", "x"),), "m")
    assert (getattr(request, option.dest, None) == stored) is (option.request == "field")
    assert request.extra == {
        "think": {"chat_template_kwargs": {"enable_thinking": True, "thinking": True}},
        "schema": {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "schema", "schema": {"type": "object"}, "strict": True},
            }
        },
    }.get(name, {option.dest: stored} if option.request == "extra" else {})


@pytest.mark.parametrize(
    "name", [name for name in SETTINGS if SETTINGS[name].metavar and name not in ("stop", "format", "schema")]
)
@pytest.mark.parametrize("value", ["", "nan", "inf", "1e999", "9" * 30, "\0"])
def test_an_invalid_value_names_the_flag_or_the_setting(name, value):
    assert usage_error(f"{SETTINGS[name].flag}={value}").startswith(f"❌ Error: --{name}: '{value}' is not ")
    with pytest.raises(UsageError, match=f"^{name}: '.*' is not "):
        SessionSettings(Settings(), ["plain"]).set(name, value)


def test_each_option_is_stored_and_has_a_help_text():
    options = [*table.SHARED, *table.CLUSTER, table.WAIT, *table.CONNECTION]
    options += [*table.CONVERSATION, *table.SAMPLING, *table.REQUEST, *table.OUTPUT, *table.INPUT]
    assert len({option.flag for option in options}) == len(options)
    fields = {*Settings.__struct_fields__, *Target.__struct_fields__}
    read_by_commands = {"plugin", "workspace_name", "header", "api_key_file", "continue_newest", "resume", "load"}
    read_by_commands |= {"message", "no_stdin", "script", "keep_going", "image"}
    read_by_commands |= {"profile", "no_config", "variable"}
    for option in options:
        assert option.dest in fields | read_by_commands, option.flag
        assert option.help[0].isupper()
        assert not option.help.endswith(".")


def test_what_is_about_one_run_cannot_be_configured():
    once = {option.flag for option in table.ALL if option.configured == "never"}
    assert {option.flag for option in table.INPUT} < once
    assert {"--continue", "--load", "--image", "--profile", "--no-config"} < once
    assert not {option.flag for option in (*table.CLUSTER, *table.CONNECTION, *table.SAMPLING, *table.OUTPUT)} & once
