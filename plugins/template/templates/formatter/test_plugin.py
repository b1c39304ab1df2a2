"""The formatter keeps the promises of the hooks, and kaito writes answers with it."""

from kaito.testing import Say
from kaito.testing.contract import FormatterContract

from {{ cookiecutter.__module }} import {{ cookiecutter.__class }}


class Test{{ cookiecutter.__class }}(FormatterContract):
    def make_formatter(self, screen, settings):
        return {{ cookiecutter.__class }}(screen, settings)


def test_a_chat(kaito, model_server):
    model_server.enqueue(Say("Hello\nyou"))
    outcome = kaito("chat", "--endpoint", model_server.url, "-o", "{{ cookiecutter.name }}", "-m", "Hi")
    assert (outcome.code, outcome.out) == (0, "> Hello\n> you\n")
