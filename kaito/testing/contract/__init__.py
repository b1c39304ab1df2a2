"""Test suites that check every promise of `kaito.hookspecs`: subclass one, and pytest runs it for your plugin.

::

    from kaito.testing.contract import FormatterContract
    from my_plugin import Csv

    class TestCsv(FormatterContract):
        def make_formatter(self, screen, settings):
            return Csv(screen, settings)

:class:`BackendContract` does the same for backends. Nearly everything runs inside the test's process. To leave
out a test that does not apply to your plugin, name it with the reason::

        not_applicable = {"test_text_is_returned_as_it_arrives": "a poem is written when its metre is known"}
"""

from kaito.testing.contract.backend_contract import BackendContract
from kaito.testing.contract.formatter_contract import FormatterContract

__all__ = ["BackendContract", "FormatterContract"]
