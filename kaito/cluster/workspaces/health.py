"""Whether the pod and the Service of a Workspace can serve, whatever the Workspace's conditions say. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kaito.cluster.kinds import ContainerState, ContainerStatus, Pod, Service

#: Label of a Workspace's pods: the Workspace's name.
WORKSPACE_LABEL = "kaito.sh/workspace"
#: The reasons of a waiting container that are no problem.
_STARTING = ("", "ContainerCreating", "PodInitializing")
#: The words for a pod that is starting, and for a pod or a Service that does not exist yet.
_NOT_YET, _MISSING = "is not ready yet", "does not exist"


class Backing:
    """The pods and Services behind Workspaces; `None` for those that are not known, such as without permission.

    The pods are those with the label of a Workspace.
    """

    def __init__(self, *, pods: Iterable[Pod] | None = None, services: Iterable[Service] | None = None) -> None:
        # A selector requires at least one label exactly. An index by labels finds a Workspace's pods without a search.
        self._pods: dict[tuple[str, str, str], list[Pod]] | None = None
        if pods is not None:
            self._pods = {}
            for pod in pods:
                for label, value in pod.metadata.labels.items():
                    self._pods.setdefault((pod.namespace, label, value), []).append(pod)
        self._services = None if services is None else {(one.namespace, one.name): one for one in services}

    def problem(self, namespace: str, name: str) -> str:
        """Return why the pod or the Service of a Workspace cannot serve; `""` if no problem is known."""
        selector: Mapping[str, str] = {}
        if self._services is not None:
            service = self._services.get((namespace, name))
            if service is None:
                return f"Service '{name}' {_MISSING}"
            selector = service.spec.selector
        if self._pods is None:
            return ""
        pods = self.matching_pods(namespace, selector or {WORKSPACE_LABEL: name})
        if not pods and selector and WORKSPACE_LABEL not in selector:
            return ""  # only pods with this label are listed
        return pods_problem(name, pods)

    def matching_pods(self, namespace: str, selector: Mapping[str, str]) -> list[Pod]:
        """Return the pods of a namespace with all of these labels."""
        candidates = ((self._pods or {}).get((namespace, *item), []) for item in selector.items())
        fewest = min(candidates, key=len, default=[])
        return [pod for pod in fewest if selector.items() <= pod.metadata.labels.items()]


def may_pass(problem: str) -> bool:
    """Return whether a problem is normal while a Workspace starts, and may resolve itself."""
    return not problem or f" {_NOT_YET} " in problem or problem.endswith(_MISSING)


def pods_problem(workspace: str, pods: Iterable[Pod]) -> str:
    """Return why none of a Workspace's pods is ready; `""` when one is."""
    ordered = sorted(pods, key=lambda pod: pod.name)
    if any(pod.ready and not any(map(_container_reason, pod.status.container_statuses)) for pod in ordered):
        return ""
    return pod_problem(ordered[0]) if ordered else f"Pod {workspace}-0 {_MISSING}"


def pod_problem(pod: Pod) -> str:
    """Return why a pod is not ready, such as `Pod my-llama-0: container 'model' waits (CrashLoopBackOff), …`."""
    return f"Pod {pod.name} {_reason(pod)}"


def _reason(pod: Pod) -> str:
    status = pod.status
    if pod.metadata.deletion_timestamp:
        return "is being deleted"
    if status.phase in ("Failed", "Succeeded"):
        return f"has ended: {_explained(status.reason or status.phase, status.message)}"
    for container in (*status.init_container_statuses, *status.container_statuses):
        if reason := _container_reason(container):
            return f"does not run: container '{container.name}' {reason}"
    for condition in status.conditions:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"cannot be scheduled: {_explained(condition.reason, condition.message)}"
    restarts = sum(container.restart_count for container in status.container_statuses)
    count = f", {_restarts(restarts)}" if restarts else ""
    return f"{_NOT_YET} ({status.phase or 'no status'}{count})"


def _container_reason(container: ContainerStatus) -> str:
    """Return what is wrong with a container; `""` when nothing is."""
    if container.ready:
        return ""
    waiting, terminated = container.state.waiting, container.state.terminated
    if waiting is not None and waiting.reason not in _STARTING:
        return f"waits: {_explained(waiting.reason, waiting.message)}{_history(container)}"
    if terminated is not None and (terminated.exit_code or container.restart_count):
        return f"has ended: {_end(container.state)}{_history(container)}"
    return ""


def _history(container: ContainerStatus) -> str:
    """Return how often a container was restarted, and how it ended last."""
    if not container.restart_count:
        return ""
    end = _end(container.last_state)
    return f" ({_restarts(container.restart_count)}{f', last end: {end}' if end else ''})"


def _restarts(count: int) -> str:
    return f"{count} restart{'' if count == 1 else 's'}"


def _end(state: ContainerState) -> str:
    if state.terminated is None:
        return ""
    terminated = state.terminated
    return f"exit code {terminated.exit_code}" + (f", {terminated.reason}" if terminated.reason else "")


def _explained(reason: str, message: str) -> str:
    return ": ".join(part for part in (reason, message) if part) or "no reason given"
