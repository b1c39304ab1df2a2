"""The Kubernetes kinds that kaito reads, each with the fields that it uses.

https://kubernetes.io/docs/reference/kubernetes-api/
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeVar

import msgspec
from msgspec import Struct

#: A name. It is part of URLs and keys, so that it must not be empty.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
#: The number of a TCP port.
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
#: A number that the API server stores in 32 bits.
Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class Metadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """The metadata of an object."""

    name: Name
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    #: Timestamps are as the API server sent them; `""` for none.
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    annotations: dict[str, str] = {}
    labels: dict[str, str] = {}


class KubernetesObject(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object of any kind."""

    #: The name of the kind in messages.
    kind: ClassVar[str] = "Object"

    metadata: Metadata

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`""` for a kind without namespaces."""
        return self.metadata.namespace

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"


Kind = TypeVar("Kind", bound=KubernetesObject)


class Condition(Struct, frozen=True, kw_only=True):
    """A condition of an object's status."""

    type: str = ""
    #: `True`, `False` or `Unknown`.
    status: str = ""
    reason: str = ""
    message: str = ""
    #: As the API server sent it.
    since: str = msgspec.field(default="", name="lastTransitionTime")

    def __str__(self) -> str:
        explanation = ": ".join(part for part in (self.reason, self.message) if part)
        return f"{self.type} is {self.status}" + (f" ({explanation})" if explanation else "")


# Service


class ServicePort(Struct, frozen=True, kw_only=True, rename="camel"):
    """A port of a Service."""

    port: Port
    name: str = ""
    app_protocol: str = ""
    #: The pods' port, by its number or its name.
    target_port: Port | str | None = None


class ServiceSpec(Struct, frozen=True, kw_only=True):
    """The specification of a Service."""

    type: str = ""
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] = {}

    @property
    def label_selector(self) -> str:
        """The selector as the `labelSelector` of a list of pods."""
        return ",".join(f"{name}={value}" for name, value in sorted(self.selector.items()))


class OpenPort(Struct, frozen=True, kw_only=True):
    """A port of a load balancer."""

    port: Port
    #: Why the port is not open.
    error: str = ""


class LoadBalancerAddress(Struct, frozen=True, kw_only=True):
    """An address of a load balancer."""

    ip: str = ""
    hostname: str = ""
    ports: tuple[OpenPort, ...] = ()


class LoadBalancer(Struct, frozen=True, kw_only=True):
    """The load balancer of a Service or an Ingress."""

    ingress: tuple[LoadBalancerAddress, ...] = ()


class LoadBalancerStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """The status of a Service or an Ingress."""

    load_balancer: LoadBalancer = LoadBalancer()


class Service(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """A Service."""

    kind: ClassVar[str] = "Service"

    spec: ServiceSpec = ServiceSpec()
    status: LoadBalancerStatus = LoadBalancerStatus()


# EndpointSlice


class EndpointPort(Struct, frozen=True, kw_only=True):
    """A port of all endpoints of an EndpointSlice."""

    name: str = ""
    port: Port | None = None


class EndpointConditions(Struct, frozen=True, kw_only=True):
    """The conditions of an endpoint in an EndpointSlice."""

    serving: bool = True
    terminating: bool = False


class ObjectReference(Struct, frozen=True, kw_only=True):
    """A reference to another object."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class SliceEndpoint(Struct, frozen=True, kw_only=True, rename="camel"):
    """An endpoint of an EndpointSlice."""

    target_ref: ObjectReference = ObjectReference()
    conditions: EndpointConditions = EndpointConditions()


class EndpointSlice(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """An EndpointSlice."""

    kind: ClassVar[str] = "EndpointSlice"

    ports: tuple[EndpointPort, ...] = ()
    endpoints: tuple[SliceEndpoint, ...] = ()


# Pod


class ContainerPort(Struct, frozen=True, kw_only=True, rename="camel"):
    """A port that a container declares."""

    container_port: Port = 0
    name: str = ""


class Container(Struct, frozen=True, kw_only=True):
    """A container of a Pod."""

    name: str = ""
    ports: tuple[ContainerPort, ...] = ()


class PodSpec(Struct, frozen=True, kw_only=True):
    """The specification of a Pod."""

    containers: tuple[Container, ...] = ()


class WaitingState(Struct, frozen=True, kw_only=True):
    """Why a container does not run yet."""

    #: Such as `CrashLoopBackOff`, `ImagePullBackOff` or `ContainerCreating`.
    reason: str = ""
    message: str = ""


class TerminatedState(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a container ended."""

    exit_code: Int32 = 0
    #: Such as `OOMKilled` or `Error`.
    reason: str = ""
    message: str = ""


class ContainerState(Struct, frozen=True, kw_only=True):
    """The state of a container; both are `None` while it runs."""

    waiting: WaitingState | None = None
    terminated: TerminatedState | None = None


class ContainerStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """The status of a container."""

    name: str = ""
    ready: bool = False
    restart_count: Int32 = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """The status of a Pod."""

    #: `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """A Pod."""

    kind: ClassVar[str] = "Pod"

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def ready(self) -> bool:
        """Whether it is running and ready, and not being deleted."""
        return (
            self.status.phase == "Running"
            and any(one.type == "Ready" and one.status == "True" for one in self.status.conditions)
            and not self.metadata.deletion_timestamp
        )


# Other kinds


class NodeStatus(Struct, frozen=True, kw_only=True):
    """The status of a Node."""

    conditions: tuple[Condition, ...] = ()


class Node(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """A Node."""

    kind: ClassVar[str] = "Node"

    status: NodeStatus = NodeStatus()


class Namespace(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """A Namespace."""

    kind: ClassVar[str] = "Namespace"


class EventSeries(Struct, frozen=True, kw_only=True, rename="camel"):
    """How often an event was seen."""

    last_observed_time: str = ""


class Event(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """An Event of another object."""

    kind: ClassVar[str] = "Event"

    #: `Normal` or `Warning`.
    type: str = ""
    reason: str = ""
    message: str = ""
    series: EventSeries = EventSeries()
    last_timestamp: str = ""
    event_time: str = ""

    @property
    def last_seen(self) -> str:
        """When it was last seen; the field depends on the version of the events API."""
        return (
            self.series.last_observed_time or self.last_timestamp or self.event_time or self.metadata.creation_timestamp
        )


class ReviewStatus(Struct, frozen=True, kw_only=True):
    """The result of a review."""

    allowed: bool | None = None


class AccessReview(Struct, frozen=True, kw_only=True):
    """The response to a SelfSubjectAccessReview, which has no name."""

    kind: ClassVar[str] = "SelfSubjectAccessReview"

    status: ReviewStatus = ReviewStatus()
