"""Objects of a cluster: the models that it serves, and objects that were applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct


class ServedModel(Struct, frozen=True, kw_only=True):
    """A Workspace or an InferenceSet, and whether it serves its model."""

    kind: Literal["Workspace", "InferenceSet"]
    name: str
    namespace: str
    #: The preset or the model's id; `None` for a custom pod template.
    model: str | None
    #: Whether it serves its model: KAITO reports it as ready, and nothing is wrong with its pods and Services.
    ready: bool
    #: Why it does not serve, or only in part; `""` if nothing is missing.
    why: str = ""
    #: Whether it does not serve yet but may soon: its node is being created, or its model is being loaded.
    waiting: bool = False
    #: `vllm` or `transformers`; like the next three, `None` for an InferenceSet.
    runtime: str | None = None
    instance_type: str | None = None
    #: How many nodes it should have.
    nodes: int | None = None
    #: The InferenceSet that it is a replica of.
    inference_set: str | None = None
    #: Whether it trains a model instead of serving one.
    tuning: bool = False
    #: Names of LoRA adapters.
    adapters: tuple[str, ...] = ()
    #: For an InferenceSet: how many replicas it should have, and how many of them are ready.
    replicas: int | None = None
    ready_replicas: int | None = None

    @property
    def workspace(self) -> str:
        """The value of `--workspace-name`."""
        return f"inferenceset/{self.name}" if self.kind == "InferenceSet" else self.name


class Applied(Struct, frozen=True, kw_only=True):
    """An object that was applied."""

    #: The object as the API server stored it, or with a dry run, as it would store it.
    object: Mapping[str, Any]
    #: Whether it did not exist before.
    created: bool
