"""A real Kubernetes API, and a namespace of the test's own in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..controlplane import VARIABLE, Assets, ControlPlane, Namespace


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
