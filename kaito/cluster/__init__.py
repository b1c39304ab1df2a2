"""KAITO and Kubernetes. The names below are public: backends of plugins use them like kaito's own backends.

Importing this package imports none of them: each comes with its name.
"""

from typing import TYPE_CHECKING

from kaito.util.lazy_exports import lazily

if TYPE_CHECKING:
    from kaito.cluster.auth.service_account import in_pod, pod_namespace
    from kaito.cluster.cluster import Cluster
    from kaito.cluster.cluster_backend import ClusterBackend
    from kaito.cluster.dns import cluster_domain, resolution_error
    from kaito.cluster.ingress.reachability import probe_models
    from kaito.cluster.ingress.route_discovery import discover_routes
    from kaito.cluster.ingress.routes import Route
    from kaito.cluster.portforward.pod_route import PodRoute
    from kaito.cluster.service_proxy import ServiceProxy
    from kaito.cluster.services import find_pod
    from kaito.cluster.workspaces.readiness import ServingWorkspace

__all__ = [
    "Cluster",
    "ClusterBackend",
    "PodRoute",
    "Route",
    "ServiceProxy",
    "ServingWorkspace",
    "cluster_domain",
    "discover_routes",
    "find_pod",
    "in_pod",
    "pod_namespace",
    "probe_models",
    "resolution_error",
]

_EXPORTS = {
    "Cluster": "kaito.cluster.cluster",
    "ClusterBackend": "kaito.cluster.cluster_backend",
    "PodRoute": "kaito.cluster.portforward.pod_route",
    "Route": "kaito.cluster.ingress.routes",
    "ServiceProxy": "kaito.cluster.service_proxy",
    "ServingWorkspace": "kaito.cluster.workspaces.readiness",
    "cluster_domain": "kaito.cluster.dns",
    "discover_routes": "kaito.cluster.ingress.route_discovery",
    "find_pod": "kaito.cluster.services",
    "in_pod": "kaito.cluster.auth.service_account",
    "pod_namespace": "kaito.cluster.auth.service_account",
    "probe_models": "kaito.cluster.ingress.reachability",
    "resolution_error": "kaito.cluster.dns",
}

__getattr__ = lazily(__name__, _EXPORTS)
