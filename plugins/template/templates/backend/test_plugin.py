"""The backend keeps the promises of the hooks, and kaito chats through it."""

import pytest
from kaito import Settings, Target
from kaito.testing import Say
from kaito.testing.contract import BackendContract

from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}


class Test{{ cookiecutter.__class }}(BackendContract):
    @pytest.fixture(autouse=True)
    def servers(self, model_server, refused_url):
        self.model_server = model_server
        self.refused_url = refused_url

    def settings_with(self, url):
        return Settings(target=Target(), options={"{{ cookiecutter.__option }}": url})

    def make_settings(self):
        return self.settings_with(self.model_server.url)

    def make_backend(self, settings):
        return {{ cookiecutter.__class }}(settings)

    def make_unreachable_backend(self):
        settings = self.settings_with(self.refused_url)
        return {{ cookiecutter.__class }}(settings), settings


def test_a_chat(kaito, model_server):
    model_server.enqueue(Say("Hello"))
    flags = ("--backend", "{{ cookiecutter.name }}", "--{{ cookiecutter.name }}-url", model_server.url)
    outcome = kaito("chat", *flags, "-m", "Hi")
    assert (outcome.code, outcome.out) == (0, "Assistant: Hello\n")
