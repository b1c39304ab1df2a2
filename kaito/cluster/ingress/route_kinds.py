"""The kinds that describe routes into the cluster, with the fields that kaito uses.

https://kubernetes.io/docs/reference/kubernetes-api/service-resources/ingress-v1/ and
https://gateway-api.sigs.k8s.io/reference/spec/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct, field

from kaito.cluster.kinds import Condition, Int32, KubernetesObject, LoadBalancerStatus, Name, Port

GATEWAY_GROUP = "gateway.networking.k8s.io"

# Ingress


class IngressPort(Struct, frozen=True, kw_only=True):
    """A port of a Service, by number or name."""

    number: Port = 0
    name: str = ""


class IngressService(Struct, frozen=True, kw_only=True):
    """A Service that an Ingress routes to."""

    name: str = ""
    port: IngressPort = IngressPort()


class IngressBackend(Struct, frozen=True, kw_only=True):
    """Where an Ingress sends requests."""

    service: IngressService = IngressService()


class IngressPath(Struct, frozen=True, kw_only=True, rename="camel"):
    """A path of a rule."""

    path: str = "/"
    #: `Exact`, `Prefix` or `ImplementationSpecific`.
    path_type: str = ""
    backend: IngressBackend = IngressBackend()


class IngressPaths(Struct, frozen=True, kw_only=True):
    """The paths of a rule."""

    paths: tuple[IngressPath, ...] = ()


class IngressRule(Struct, frozen=True, kw_only=True):
    """A rule of an Ingress."""

    host: str = ""
    http: IngressPaths = IngressPaths()


class IngressTls(Struct, frozen=True, kw_only=True):
    """The hosts of a certificate."""

    hosts: tuple[str, ...] = ()


class IngressSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """The specification of an Ingress."""

    rules: tuple[IngressRule, ...] = ()
    tls: tuple[IngressTls, ...] = ()
    default_backend: IngressBackend = IngressBackend()


class Ingress(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """An Ingress."""

    kind: ClassVar[str] = "Ingress"

    spec: IngressSpec = IngressSpec()
    status: LoadBalancerStatus = LoadBalancerStatus()


# HTTPRoute


class ParentReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """The object to which an HTTPRoute is attached."""

    group: str = GATEWAY_GROUP
    kind: str = "Gateway"
    namespace: str = ""
    name: str = ""
    section_name: str | None = None
    port: Port | None = None


class BackendReference(Struct, frozen=True, kw_only=True):
    """Where a rule sends requests."""

    group: str = ""
    kind: str = "Service"
    namespace: str = ""
    name: str = ""
    port: Port | None = None
    weight: Int32 = 1


class PathMatch(Struct, frozen=True, kw_only=True):
    """A condition for the path of a request."""

    type: str = "PathPrefix"
    value: str = "/"


class HeaderMatch(Struct, frozen=True, kw_only=True):
    """A condition for a header of a request."""

    name: Name
    value: str = ""
    type: str = "Exact"


class QueryMatch(Struct, frozen=True, kw_only=True):
    """A condition for the query of a request."""


class RouteMatch(Struct, frozen=True, kw_only=True, rename="camel"):
    """The conditions for a request, all of which must hold."""

    path: PathMatch = PathMatch()
    headers: tuple[HeaderMatch, ...] = ()
    query_params: tuple[QueryMatch, ...] = ()
    method: str = ""


class RouteFilter(Struct, frozen=True, kw_only=True):
    """A change to requests."""

    type: str = ""


class RouteRule(Struct, frozen=True, kw_only=True, rename="camel"):
    """A rule of an HTTPRoute."""

    matches: tuple[RouteMatch, ...] = ()
    filters: tuple[RouteFilter, ...] = ()
    backend_refs: tuple[BackendReference, ...] = ()


class HttpRouteSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """The specification of an HTTPRoute."""

    parent_refs: tuple[ParentReference, ...] = ()
    hostnames: tuple[str, ...] = ()
    rules: tuple[RouteRule, ...] = ()


class ParentStatus(Struct, frozen=True, kw_only=True, rename="camel"):
    """The status of an HTTPRoute at one Gateway."""

    parent_ref: ParentReference = ParentReference()
    conditions: tuple[Condition, ...] = ()


class HttpRouteStatus(Struct, frozen=True, kw_only=True):
    """The status of an HTTPRoute."""

    parents: tuple[ParentStatus, ...] = ()


class HttpRoute(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """An HTTPRoute."""

    kind: ClassVar[str] = "HTTPRoute"

    spec: HttpRouteSpec = HttpRouteSpec()
    status: HttpRouteStatus = HttpRouteStatus()


# Gateway


class LabelRequirement(Struct, frozen=True, kw_only=True):
    """One condition of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False


class LabelSelector(Struct, frozen=True, kw_only=True, rename="camel"):
    """Conditions for labels, all of which must hold."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.match_labels.items() <= labels.items() and all(
            requirement.matches(labels) for requirement in self.match_expressions
        )


class RouteNamespaces(Struct, frozen=True, kw_only=True):
    """The namespaces whose HTTPRoutes a listener accepts."""

    #: `Same`, `All`, `Selector` or `None`.
    source: str = field(default="Same", name="from")
    selector: LabelSelector = LabelSelector()


class RouteKind(Struct, frozen=True, kw_only=True):
    """A kind of route that a listener accepts."""

    kind: str = ""


class AllowedRoutes(Struct, frozen=True, kw_only=True):
    """The routes that a listener accepts."""

    namespaces: RouteNamespaces = RouteNamespaces()
    kinds: tuple[RouteKind, ...] = ()


class Listener(Struct, frozen=True, kw_only=True, rename="camel"):
    """A listener of a Gateway."""

    name: str = ""
    port: Port
    protocol: str = ""
    hostname: str = ""
    allowed_routes: AllowedRoutes = AllowedRoutes()


class GatewaySpec(Struct, frozen=True, kw_only=True):
    """The specification of a Gateway."""

    listeners: tuple[Listener, ...] = ()


class GatewayAddress(Struct, frozen=True, kw_only=True):
    """An address of a Gateway."""

    value: str = ""


class GatewayStatus(Struct, frozen=True, kw_only=True):
    """The status of a Gateway."""

    addresses: tuple[GatewayAddress, ...] = ()


class Gateway(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """A Gateway."""

    kind: ClassVar[str] = "Gateway"

    spec: GatewaySpec = GatewaySpec()
    status: GatewayStatus = GatewayStatus()


# ReferenceGrant


class GrantFrom(Struct, frozen=True, kw_only=True):
    """The kind and namespace of objects whose references a ReferenceGrant allows."""

    group: str = ""
    kind: str = ""
    namespace: str = ""


class GrantTo(Struct, frozen=True, kw_only=True):
    """The object that may be referenced; without a name, all objects of the kind."""

    group: str = ""
    kind: str = ""
    name: str = ""


class GrantSpec(Struct, frozen=True, kw_only=True):
    """The specification of a ReferenceGrant."""

    sources: tuple[GrantFrom, ...] = field(default=(), name="from")
    to: tuple[GrantTo, ...] = ()


class ReferenceGrant(KubernetesObject, frozen=True, kw_only=True, rename="camel"):
    """A permission for references from other namespaces."""

    kind: ClassVar[str] = "ReferenceGrant"

    spec: GrantSpec = GrantSpec()

    def allows(self, namespace: str, reference: BackendReference) -> bool:
        """Return whether an HTTPRoute of another namespace may use a backend in this one."""
        return any(
            one.group == GATEWAY_GROUP and one.kind == "HTTPRoute" and one.namespace == namespace
            for one in self.spec.sources
        ) and any(
            one.group == reference.group and one.kind == reference.kind and one.name in ("", reference.name)
            for one in self.spec.to
        )
