"""Reading the file: hostile text, and the lines of values."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.config.config_file import line_of, read_config
from kaito.config.file_sections import read_sections
from kaito.errors import UsageError
from kaito.util.user_folders import shown_path

TOML = """\
# temperature = 9
[defaults]
temperature = 0.1
stop = [
  "seed = 1",
  '''
seed = 1
''',
]
seed = 2 # seed

[profiles.work]
temperature = 0.2
chat = { seed = 3 }
[profiles."a.b"]
'seed' = 4
top-p.x = 1
"""


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("defaults",), 2),
        (("defaults", "temperature"), 3),
        (("defaults", "stop"), 4),
        (("defaults", "seed"), 10),
        (("profiles", "work"), 12),
        (("profiles", "work", "temperature"), 13),
        (("profiles", "work", "chat", "seed"), 14),
        (("profiles", "a.b", "seed"), 16),
        (("profiles", "a.b", "top-p", "x"), 17),
        (("profiles", "missing"), None),
    ],
)
def test_the_line_of_a_value(keys, line):
    tomllib.loads(TOML)
    assert line_of(TOML, keys) == line


keys = st.sampled_from(
    ["defaults", "profiles", "seed", "chat", "variables", "header", "stop", "api-key", "a b", "\x1b[31m", ""]
)
values = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("@x")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


def attempt(read):
    """Return the usage error of a function, or its result."""
    try:
        return None, read()
    except UsageError as exc:
        return exc, None


def toml(value):
    """Return a value as TOML, in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items()) + "}"
    return str(value)


@given(document=st.dictionaries(keys, values, max_size=4))
def test_any_document_is_sections_or_one_usage_error(document, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text("".join(f"{toml(key)} = {toml(value)}\n" for key, value in document.items()), "utf-8")
    fault, sections = attempt(lambda: read_sections(read_config(path), lambda name: name == "chat"))
    if fault is not None:
        assert "config.toml" in fault.message
    else:
        assert {*document} <= {"defaults", "profiles"}
        assert len(sections.all) == 1 + len(document.get("profiles", {}))


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_a_file_or_one_usage_error(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_bytes(content)
    fault, file = attempt(lambda: read_config(path))
    if fault is not None:
        assert len(fault.lines()) <= 3
        assert "\n" not in fault.message
    else:
        assert isinstance(file.document, dict)


@pytest.mark.parametrize(
    "line",
    [
        "key = 's3cret",
        "s3cret",
        "'s3cret' 1",
        "key = s3cret",
        "[s3cret",
        "a = 1 s3cret",
        "a.s3cret.b = 1\na.s3cret = 2",
    ],
)
def test_a_fault_of_syntax_quotes_nothing(line, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(f"[defaults]\n{line}\n")
    with pytest.raises(UsageError) as caught:
        read_config(path)
    assert "s3cret" not in "\n".join(caught.value.lines())
    assert ", line " in caught.value.message


def test_a_path_is_shown_with_the_home_folder(clean_environment):
    assert shown_path(clean_environment / "a") == "~/a"
    assert shown_path(clean_environment.with_name(f"{clean_environment.name}x") / "a").startswith("/")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[a]\n[a]", "This key or table is in the file twice"),
        ("a = 1\na = 2", "This key or table is in the file twice"),
        ("a = { b = 1 }\n[a.c]", "This key or table is in the file twice"),
        ("a = { b = 1, b = 2 }", "This key or table is in the file twice"),
        ("a = { b = 1 }\na.c = 2", "Nothing can be added to a table in braces"),
        ("a = [1]\n[[a]]", "Nothing can be added to a table in braces, or to a list"),
        *((text, "A text is not ended") for text in ("a = 'b", 'a = "b', "a = 'b\nc = 1", 'a = "b\nc = 1', 'a = """b')),
        ("a = '\x01'", "It has a control character"),
        ('a = "C:\\Users"', r"In double quotes, a backslash begins a character such as \n; write \\"),
        ('a = "\\d"', "In double quotes, a backslash"),
        ("a = yes", 'Expected "text", a number, true, false, [a list] or { a table }'),
        ('{ "a": 1 }', "Expected a line such as [defaults]"),
        ("a: 1", "Expected '=' after a key"),
        ("[a", "Expected ']' at the end"),
    ],
)
def test_a_fault_of_syntax_is_explained(text, reason, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_config(path)
    assert caught.value.hints[0].startswith(reason)
