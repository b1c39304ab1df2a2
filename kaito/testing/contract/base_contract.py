"""What both suites share: tests that do not apply to a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from kaito.testing.contract.promises import promise


class BaseContract:
    """A suite whose tests can be left out."""

    #: The names of tests that do not apply, each with the reason, which pytest shows.
    not_applicable: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture(autouse=True)
    def _leave_out(self, request: pytest.FixtureRequest) -> None:
        for name in self.not_applicable:
            promise(hasattr(self, name), f"not_applicable names {name!r}, and there is no such test")
        if reason := self.not_applicable.get(request.node.name):
            pytest.skip(reason)
