"""Which file applies: whether there is one, and what is said about it."""

import errno
import os
from pathlib import Path

import pytest

from kaito.config.user_config import UserConfig


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
    assert config.warning == ("cannot read ~/.config/kaito/config.toml: Permission denied; --no-config ignores it")


def test_profiles_of_a_folder_that_cannot_be_searched_may_exist(lstat_fails):
    lstat_fails(errno.EACCES)
    fault = UserConfig({}, profile="work").fault
    assert fault is not None
    assert fault.hints == ("Profiles are in ~/.config/kaito/config.toml, which cannot be read",)


def test_any_other_failure_is_a_fault(lstat_fails):
    lstat_fails(errno.EIO)
    config = UserConfig({})
    assert config.is_unreadable
    assert config.fault is not None
