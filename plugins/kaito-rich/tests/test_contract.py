"""The formatter keeps all promises of the hooks."""

from kaito_rich.formatter import Markdown

from kaito.testing.contract import FormatterContract


class TestMarkdown(FormatterContract):
    def make_formatter(self, screen, settings):
        return Markdown(screen, settings)
