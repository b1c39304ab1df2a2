"""Which port of which pod."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PodPort:
    """A port of a pod.

    Args:
        namespace: the pod's namespace.
        pod: its name.
        port: the container's port, not the Service's.
    """

    namespace: str
    pod: str
    port: int

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}:{self.port}"
