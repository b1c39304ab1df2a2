"""The folder that KUBEBUILDER_ASSETS names: which programs and definitions it must hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: The environment variable that names the folder, as in the tests of other programs for Kubernetes.
VARIABLE = "KUBEBUILDER_ASSETS"

PROGRAMS = ("etcd", "kube-apiserver", "kwok")

#: The files of the custom resource definitions that are used; what stands beside them in their projects is left out.
DEFINITIONS = (
    "kaito.sh_workspaces.yaml",
    "kaito.sh_inferencesets.yaml",
    "kwok.x-k8s.io_portforwards.yaml",
    "gateway.networking.k8s.io_gateways.yaml",
    "gateway.networking.k8s.io_httproutes.yaml",
)


class MissingAssets(Exception):
    """The folder lacks something; the message says what."""


@dataclass(frozen=True, slots=True)
class Assets:
    """What a control plane is made of.

    Args:
        folder: it holds the programs, and the custom resource definitions in any folder below `crds/`.
    """

    folder: Path

    def program(self, name: str) -> Path:
        """Return the path of one of :data:`PROGRAMS`."""
        return self.folder / name

    def definitions(self) -> list[Path]:
        """Return the files named in :data:`DEFINITIONS`, as far as they are there."""
        return [file for file in sorted((self.folder / "crds").rglob("*.yaml")) if file.name in DEFINITIONS]

    def check(self) -> None:
        """Raise unless all is there.

        Raises:
            MissingAssets: something is not, or cannot be run.
        """
        missing = [name for name in PROGRAMS if not os.access(self.program(name), os.X_OK)]
        names = {file.name for file in self.definitions()}
        missing += [f"crds/…/{name}" for name in DEFINITIONS if name not in names]
        if missing:
            raise MissingAssets(f"{VARIABLE} is {self.folder}, where these are missing: {', '.join(missing)}")
