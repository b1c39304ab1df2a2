"""Our own formatters keep the promises that those of others do."""

from kaito.formatters.json import Json
from kaito.formatters.plain import Plain
from kaito.formatters.text import Text
from kaito.testing.contract import FormatterContract


class TestPlain(FormatterContract):
    def make_formatter(self, screen, settings):
        return Plain(screen, settings)


class TestText(FormatterContract):
    def make_formatter(self, screen, settings):
        return Text(screen, settings)


class TestJson(FormatterContract):
    def make_formatter(self, screen, settings):
        return Json(screen, settings)
