"""The backend keeps all promises of the hooks."""

from __future__ import annotations

import pytest
from kaito_inventory.backend import InventoryBackend

from kaito import Settings, Target
from kaito.testing import Hang
from kaito.testing.contract import BackendContract


class TestInventory(BackendContract):
    @pytest.fixture(autouse=True)
    def servers(self, model_server, refused_url, write, secret):
        self.model_server = model_server
        self.file = str(
            write(
                {"name": "llama", "url": f"{model_server.url}/v1", "api-key-file": secret("llama.key")},
                {"name": "gone", "url": refused_url},
            )
        )

    def settings_for(self, name, **target):
        return Settings(target=Target(workspace=name, **target), options={"inventory": self.file})

    def make_settings(self):
        return self.settings_for("llama")

    def make_backend(self, settings):
        return InventoryBackend(settings)

    def make_unreachable_backend(self):
        settings = self.settings_for("gone")
        return InventoryBackend(settings), settings

    def make_hanging_backend(self):
        for path in ("/v1/models", "/health"):
            self.model_server.route(path, Hang())
        settings = self.settings_for("llama", wait=60.0)
        return InventoryBackend(settings), settings
