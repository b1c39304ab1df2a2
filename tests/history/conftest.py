"""A state folder for the history."""

import pytest

from kaito.history.library import Library


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state" / "kaito"


@pytest.fixture
def library(folder):
    return Library(folder)
