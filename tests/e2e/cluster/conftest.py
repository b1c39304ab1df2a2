"""A real Kubernetes API, and a namespace of the test's own in it."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.controlplane import VARIABLE, Assets, ControlPlane, Namespace

#: It wants the distribution that brings the model, and is run where that is installed: tox's environment `plugins`.
collect_ignore = [] if find_spec("kaito_local") else ["test_real_model.py"]


@pytest.fixture(scope="session")
def control_plane():
    """Yield a control plane that all tests share; without the programs for one they are skipped."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(
            f"{VARIABLE} names no folder with etcd, kube-apiserver and kwok; the README's Tests say how to get one"
        )
    with ControlPlane(Assets(Path(folder).absolute())) as plane:
        yield plane


@pytest.fixture
def namespace(control_plane):
    """Yield a new namespace, which is taken away after the test."""
    with Namespace(control_plane) as namespace:
        yield namespace
