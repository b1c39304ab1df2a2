"""The tests use the fixtures that plugin authors get."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import hypothesis
import pytest

from tests.controlplane import VARIABLE

pytest_plugins = ["kaito.testing.fixtures"]

# Parsers that are made while tests are collected must not read the developer's configuration; a fixture hides it later.
os.environ["XDG_CONFIG_HOME"] = os.devnull

# No example fails because the machine is busy: pytest-timeout limits the test as a whole.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")


def _make_docs_importable() -> None:
    """Make `docs` importable, which is not installed. On `sys.path`, the checkout would hide the installed package."""
    folder = Path(__file__).parents[1] / "docs"
    spec = importlib.util.spec_from_file_location("docs", folder / "__init__.py")
    assert spec is not None
    sys.modules["docs"] = importlib.util.module_from_spec(spec)


_make_docs_importable()

#: Percent of coverage without the tests that need a control plane.
_COVERAGE_WITHOUT_CLUSTER = 80.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that writes the pictures of the documentation anew."""
    parser.addoption(
        "--write-pictures", action="store_true", help="write the pictures of docs/ instead of comparing them"
    )


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
