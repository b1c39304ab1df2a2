"""Checks whether the user has a permission before a request needs it."""

from __future__ import annotations

from kaito.cluster.api_client import ApiClient
from kaito.cluster.api_errors import MissingPermissionError, can_i_hint
from kaito.cluster.kinds import AccessReview
from kaito.errors import KaitoError

# https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/self-subject-access-review-v1/
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_REVIEW = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}


async def is_allowed(cluster: ApiClient, namespace: str, verb: str, resource: str, *, name: str = "") -> bool:
    """Return whether the user has a permission; `True` also if the API server cannot tell.

    Args:
        verb: such as `create`.
        resource: of the core group, such as `pods/portforward`.
    """
    kind, _, subresource = resource.partition("/")
    attributes = {
        "namespace": namespace,
        "verb": verb,
        "resource": kind,
        "subresource": subresource,
        "name": name,
    }
    try:
        review = await cluster.post(_REVIEWS, {**_REVIEW, "spec": {"resourceAttributes": attributes}}, AccessReview)
    except KaitoError:
        return True
    return review.status.allowed is not False


def missing_permission(
    cluster: ApiClient, namespace: str, verb: str, resource: str, required: str
) -> MissingPermissionError:
    """Return the error for a permission that :func:`is_allowed` denied, with a sentence about all that are required."""
    return MissingPermissionError(
        f"{verb} {resource}",
        f"You may not {verb} {resource} in namespace '{namespace}'",
        required,
        can_i_hint(verb, resource, namespace=namespace, flags=cluster.config.flags),
    )
