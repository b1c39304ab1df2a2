"""The tests use the fixtures that plugin authors get."""

from __future__ import annotations

import os

import hypothesis
import pytest

from tests.controlplane import VARIABLE

pytest_plugins = ["kaito.testing.fixtures"]

# No example fails because the machine is busy: pytest-timeout limits the test as a whole.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

#: Percent of coverage without the tests that need a control plane.
_COVERAGE_WITHOUT_CLUSTER = 80.0


def pytest_configure(config: pytest.Config) -> None:
    """Lower the required coverage if the cluster tests are skipped."""
    if not os.environ.get(VARIABLE) and getattr(config.option, "cov_fail_under", None):
        config.option.cov_fail_under = _COVERAGE_WITHOUT_CLUSTER


def pytest_report_header(config: pytest.Config) -> str | None:
    """Report that the cluster tests are skipped."""
    return None if os.environ.get(VARIABLE) else f"{VARIABLE} is not set: the cluster tests are skipped"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return the number of workers for `--numprocesses=auto`: one more than cores, as many tests wait for processes."""
    return (os.cpu_count() or 1) + 1
