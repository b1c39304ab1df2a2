"""A real Kubernetes API, and a namespace in it for each test."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.controlplane import VARIABLE, Assets, ControlPlane, Namespace

#: The tests that need another distribution; tox's environment `plugins` runs them.
_NEEDS = {"test_real_model.py": "kaito_local", "test_pictures.py": "kaito_rich"}
collect_ignore = [file for file, module in _NEEDS.items() if not find_spec(module)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of this folder with one Python, in one worker of pytest-xdist: they share one control plane."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.once)
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="session")
def control_plane():
    """Yield the control plane, which starts with the first test that needs it. Without its programs, skip the test."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} does not name a folder with etcd, kube-apiserver and kwok; see tests/README.md")
    with ControlPlane(Assets(Path(folder).absolute())) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane):
    """Yield a new namespace, which is deleted after the test."""
    with Namespace(control_plane) as namespace:
        yield namespace
