"""Completion of file names, and how commands read them."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaito.shell.input.filenames import file_names, first_name, only_name


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("my notes.txt", "it's.txt", 'say "x".txt', ".hidden", "plain.txt"):
        (tmp_path / name).touch()
    (tmp_path / "sub dir").mkdir()
    (tmp_path / "sub dir" / "inner.txt").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "only", "completions"),
    [
        ("", False, ["it\\'s.txt", "my\\ notes.txt", "plain.txt", 'say\\ \\"x\\".txt', "sub\\ dir/"]),
        ("p", True, ["plain.txt"]),
        ("./p", True, ["./plain.txt"]),
        ("~/p", True, ["~/plain.txt"]),
        (".h", True, [".hidden"]),
        ("my\\ n", False, ["my\\ notes.txt"]),
        ("my n", True, ["my notes.txt"]),
        ("my n", False, []),
        ("sub\\ dir/", False, ["sub\\ dir/inner.txt"]),
        ('"my', False, ['"my notes.txt"']),
        ("'my", False, ["'my notes.txt'"]),
        ('"sub', False, ['"sub dir/']),
        ('"sub dir/in', False, ['"sub dir/inner.txt"']),
        ("'it", False, []),
        ("'my notes.txt' and", False, []),
        ("nowhere/x", False, []),
        ("~nobody-of-this-name/x", False, []),
        ("a\0b", False, []),
    ],
)
def test_file_names(folder, typed, only, completions):
    assert file_names(typed, only=only) == completions


@given(st.text(st.sampled_from("ab \\\"'"), min_size=1, max_size=8).filter(lambda name: name.strip() == name))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=200)
def test_commands_read_completed_names(tmp_path_factory, monkeypatch, name):
    folder = tmp_path_factory.mktemp("folder")
    (folder / name).touch()
    monkeypatch.chdir(folder)
    for quote in ("", '"', "'"):
        for completed in file_names(quote, only=False):
            assert first_name(completed) == (name, "")
            assert str(only_name("/save", completed)) == name
