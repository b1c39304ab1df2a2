"""The tests use what plugin authors get."""

from __future__ import annotations

import os

import pytest

from tests.controlplane import VARIABLE

pytest_plugins = ["kaito.testing.fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    """Ask for less coverage where the cluster's tests are skipped: there is nothing to run a control plane with."""
    if not os.environ.get(VARIABLE) and getattr(config.option, "cov_fail_under", None):
        config.option.cov_fail_under = _WITHOUT_A_CLUSTER


#: Percent.
_WITHOUT_A_CLUSTER = 80.0
