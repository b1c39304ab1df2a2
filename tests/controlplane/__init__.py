"""A real control plane for the tests: kube-apiserver and etcd, with kwok in place of nodes and kubelets.

The fixtures `control_plane` and `namespace` of `tests/e2e/cluster` provide it. What a test has to know:

- There is no scheduler and no controller. :class:`Namespace` creates what they would create: pods on the only node,
  Endpoints and EndpointSlices. It deletes its content at the end.
- The Service proxy reads Endpoints, not EndpointSlices, and uses only the address of the pod in `targetRef`.
- kwok forwards to a deleted pod as long as its PortForward object exists: :meth:`Workspace.delete_pod` deletes both.
- kwok does not pass on that the pod's server closed its connection: a port-forward stays open, and written data is lost.
- The API server caches a valid token for ten seconds. It checks a client certificate with each request.
- It delays the first object of a new kind by up to two seconds. While it sets up a kind, and after a restart, it
  responds with 429; :meth:`ControlPlane.start_api` waits until that is over.
"""

from .assets import VARIABLE, Assets, MissingAssets
from .client import ApiClient, ApiError
from .namespaces import Namespace
from .objects import Object, condition
from .plane import ControlPlane
from .waiting import until
from .workspaces import Workspace

__all__ = [
    "VARIABLE",
    "ApiClient",
    "ApiError",
    "Assets",
    "ControlPlane",
    "MissingAssets",
    "Namespace",
    "Object",
    "Workspace",
    "condition",
    "until",
]
