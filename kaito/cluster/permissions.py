"""What the user may do, asked before it is tried."""

from __future__ import annotations

from typing import Any

import msgspec

from kaito.cluster.api_client import ApiClient
from kaito.errors import KaitoError

# https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}


async def may(
    cluster: ApiClient, namespace: str, verb: str, resource: str, *, subresource: str = "", name: str = ""
) -> bool:
    """Return whether the user may do something with a resource of the core group; also if that is not told."""
    attributes = {
        "namespace": namespace,
        "verb": verb,
        "resource": resource,
        "subresource": subresource,
        "name": name,
    }
    try:
        answer = await cluster.post(_REVIEWS, {**_REVIEW, "spec": {"resourceAttributes": attributes}})
    except (KaitoError, msgspec.MsgspecError):
        return True
    status: dict[str, Any] = answer.get("status") or {}
    return status.get("allowed") is not False
