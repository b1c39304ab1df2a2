"""Our own backends keep the promises that those of others do."""

import pytest
from msgspec.structs import replace

from kaito.endpoints.backends.url import UrlBackend
from kaito.settings import Settings
from kaito.testing import Hang
from kaito.testing.contract import BackendContract
from kaito.types import Target


class TestUrl(BackendContract):
    @pytest.fixture(autouse=True)
    def servers(self, model_server, refused_url):
        self.server = self.model_server = model_server
        self.refused_url = refused_url

    def make_settings(self):
        return Settings(target=Target(endpoint=self.server.url))

    def make_backend(self, settings):
        return UrlBackend(settings)

    def make_unreachable_backend(self):
        settings = Settings(target=Target(endpoint=self.refused_url))
        return UrlBackend(settings), settings

    def make_hanging_backend(self):
        for path in ("/v1/models", "/health"):
            self.server.route(path, Hang())
        settings = replace(self.make_settings(), target=Target(endpoint=self.server.url, wait=60.0))
        return UrlBackend(settings), settings
