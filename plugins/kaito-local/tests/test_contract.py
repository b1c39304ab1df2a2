"""The backend keeps all promises of the hooks, with the real model."""

from __future__ import annotations

import pytest
from kaito_local.backend import LocalBackend

from kaito.settings import Settings
from kaito.testing.contract import BackendContract
from kaito.types import Target


@pytest.mark.usefixtures("cached")
class TestLocal(BackendContract):
    def make_settings(self):
        return Settings(target=Target(), max_tokens=4)

    def make_backend(self, settings):
        return LocalBackend()
