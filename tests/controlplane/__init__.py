"""A real control plane for the tests: kube-apiserver and etcd, with kwok in place of nodes and kubelets.

The fixtures `control_plane` and `namespace` of `tests/cluster` give it. What a test has to know:

- There is no scheduler and no controller. :class:`Namespace` makes what they would have made: pods on the one node,
  Endpoints and EndpointSlices, and it takes away what it holds at the end.
- The Service proxy reads Endpoints, not EndpointSlices, and takes only the address of the pod that is referred to.
- kwok goes on forwarding to a pod that was deleted as long as its PortForward object is there:
  :meth:`Workspace.delete_pod` removes both.
- kwok never passes on that the pod's server closed its side: a port-forward stays open, and what is written is lost.
- The API server remembers for ten seconds that a token was good; it looks at a client certificate with each request.
- It holds up the first object of a new kind, by two seconds at most. While it sets a kind up it answers 429, as it also
  does after a restart; :meth:`ControlPlane.start_api` waits until that is over.
"""

from .assets import VARIABLE, Assets, MissingAssets
from .client import ApiClient, ApiRefusal
from .namespaces import Namespace
from .objects import Object, condition
from .plane import ControlPlane
from .waiting import until
from .workspaces import Workspace

__all__ = [
    "VARIABLE",
    "ApiClient",
    "ApiRefusal",
    "Assets",
    "ControlPlane",
    "MissingAssets",
    "Namespace",
    "Object",
    "Workspace",
    "condition",
    "until",
]
