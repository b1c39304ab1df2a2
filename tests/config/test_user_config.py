"""Which file applies: whether there is one, and what is said about it."""

import errno
import os
from pathlib import Path

import pytest

from kaito.config.user_config import UserConfig
from kaito.subcommands.config.config_values import _head


@pytest.fixture
def lstat_fails(clean_environment, monkeypatch):
    """Return a function that lets the look for the file fail."""

    def fail(number):
        def lstat(path):
            raise OSError(number, os.strerror(number), str(path))

        monkeypatch.setattr(Path, "lstat", lstat)

    return fail


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR])
def test_no_file_is_no_fault(lstat_fails, number):
    lstat_fails(number)
    config = UserConfig({})
    assert (config.file, config.fault, config.warning) == (None, None, "")


def test_a_folder_that_cannot_be_searched_is_said(lstat_fails):
    lstat_fails(errno.EACCES)
    config = UserConfig({})
    assert (config.file, config.fault) == (None, None)
    assert config.warning == "cannot read ~/.config/kaito/config.toml: Permission denied; --no-config ignores it"
    assert _head(config).startswith("File: ~/.config/kaito/config.toml (cannot be read)\n")


def test_profiles_of_a_folder_that_cannot_be_searched_may_exist(lstat_fails):
    lstat_fails(errno.EACCES)
    config = UserConfig({}, profile="work")
    assert config.fault is not None
    assert config.fault.hints == ("Profiles are in ~/.config/kaito/config.toml, which cannot be read",)
    assert "\nProfile: work, which is not known\n" in _head(config)


def test_any_other_failure_is_a_fault(lstat_fails):
    lstat_fails(errno.EIO)
    config = UserConfig({})
    assert config.is_unreadable
    assert config.fault is not None
