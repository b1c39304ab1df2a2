"""Test suites that check every promise of `kaito.hookspecs`: subclass one, and pytest runs it for your plugin.

::

    from kaito.testing.contract import FormatterContract
    from my_plugin import Csv

    class TestCsv(FormatterContract):
        def make_formatter(self, screen, settings):
            return Csv(screen, settings)

:class:`BackendContract` does the same for backends. Nearly everything runs inside the test's process. To switch off a
test that does not apply to your plugin, set it to `None` in the subclass, next to a comment that says why.
"""

from kaito.testing.contract.backend_contract import BackendContract
from kaito.testing.contract.formatter_contract import FormatterContract

__all__ = ["BackendContract", "FormatterContract"]
