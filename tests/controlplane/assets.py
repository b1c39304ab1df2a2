"""The programs and definitions in the folder that KUBEBUILDER_ASSETS names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: The environment variable with the folder, as in the tests of other programs for Kubernetes.
VARIABLE = "KUBEBUILDER_ASSETS"

PROGRAMS = ("etcd", "kube-apiserver", "kwok")

#: The files of the custom resource definitions; others in the folder are ignored.
DEFINITIONS = (
    "kaito.sh_workspaces.yaml",
    "kaito.sh_inferencesets.yaml",
    "kaito.sh_modelmirrors.yaml",
    "kwok.x-k8s.io_portforwards.yaml",
    "gateway.networking.k8s.io_gateways.yaml",
    "gateway.networking.k8s.io_httproutes.yaml",
    "gateway.networking.k8s.io_referencegrants.yaml",
)


class MissingAssets(Exception):
    """Files are missing in the folder; the message names them."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The files of a control plane.

    Args:
        folder: contains the programs, and the custom resource definitions anywhere below `crds/`.
    """

    folder: Path

    def program(self, name: str) -> Path:
        """Return the path of one of :data:`PROGRAMS`."""
        return self.folder / name

    def definitions(self) -> list[Path]:
        """Return the existing files of :data:`DEFINITIONS`."""
        return [file for file in sorted((self.folder / "crds").rglob("*.yaml")) if file.name in DEFINITIONS]

    def check(self) -> None:
        """Check that all files exist.

        Raises:
            MissingAssets: a file is missing, or a program is not executable.
        """
        missing = [name for name in PROGRAMS if not os.access(self.program(name), os.X_OK)]
        names = {file.name for file in self.definitions()}
        missing += [f"crds/…/{name}" for name in DEFINITIONS if name not in names]
        if missing:
            raise MissingAssets(f"Missing in {self.folder} ({VARIABLE}): {', '.join(missing)}")
