"""What a value on a higher level displaces on the lower ones, because both together would contradict each other."""

from __future__ import annotations

from collections.abc import Iterable

from kaito.config.setting_levels import Level, Setting

#: Flags that name a workspace, or the cluster that it is in.
_CLUSTER = frozenset({"workspace-name", "namespace", "context", "kubeconfig"})
#: Built-in backends that cannot reach a workspace. A plugin's backend decides that itself.
_WITHOUT_WORKSPACE = frozenset({"local", "url"})
#: Values that say where requests go, …
_SERVER = ("endpoint", "kubeconfig", "context")
_WORKSPACE = ("workspace-name", "namespace")
#: … and values that are meant for that server alone: its keys, its certificates and its model.
_FOR_SERVER = frozenset(
    {"api-key-file", "header", "model", "certificate-authority", "insecure-skip-tls-verify", "backend"}
)
#: Further flags that cannot be used together.
_CONFLICTS = (
    {"certificate-authority", "insecure-skip-tls-verify"},
    {"output", "format"},
    {"all-namespaces", "workspace-name"},
    {"watch", "wait"},
    {"count", "replicas"},
    {"dry-run", "wait"},
)


class Merge:
    """Merges the levels, from the highest on.

    Attributes:
        taken: the settings that apply, by the keys of flags.
    """

    def __init__(self) -> None:
        self.taken: dict[str, Setting] = {}
        self._displaced: set[str] = set()
        #: Whether a higher level names a workspace.
        self._names_workspace = False

    def take(self, settings: Level, *, without_effect: Iterable[str] = ()) -> None:
        """Take the flags of the command line.

        Args:
            without_effect: the keys of flags that restore the built-in value.
        """
        self.taken.update(settings)
        self._displace({key: setting for key, setting in settings.items() if key not in {*without_effect}}, flags=True)

    def add(self, tables: Iterable[Level]) -> None:
        """Add a level: the tables of one section, in order of precedence."""
        tables = list(tables)
        section: dict[str, Setting] = {}
        for table in reversed(tables):
            section.update(table)
        for table in tables:
            # A command's table may name another server than the one that the section has a key for.
            dropped = self._dropped(section) | self._dropped(table)
            found = {key: setting for key, setting in table.items() if key not in self.taken and key not in dropped}
            self.taken.update(found)
            self._displace(found, flags=False)

    def displace(self, *keys: str) -> None:
        """Displace flags on the levels that follow."""
        self._displaced.update(keys)

    def _dropped(self, section: Level) -> set[str]:
        """Return the keys of a section that higher levels displace."""
        dropped = set(self._displaced)
        if self._names_workspace and _is_without_workspace(section.get("backend")):
            dropped.add("backend")
        for key in (*_SERVER, *_CLUSTER):
            if key in section and (key in dropped or (key in _SERVER and self._is_other(key, section[key]))):
                dropped |= _FOR_SERVER
        if any(key in section and self._is_other(key, section[key]) for key in _WORKSPACE):
            # The backend also reaches other workspaces of the same cluster.
            dropped |= _FOR_SERVER - {"backend"}
        return dropped

    def _is_other(self, key: str, setting: Setting) -> bool:
        taken = self.taken.get(key)
        return taken is not None and taken.given != setting.given

    def _displace(self, settings: Level, *, flags: bool) -> None:
        for key, setting in settings.items():
            given = setting.given
            if given is False or given == ():
                continue
            for conflict in _CONFLICTS:
                if key in conflict:
                    self._displaced |= conflict - {key}
            if key == "endpoint":
                self._displaced |= {*_CLUSTER, "backend"}
            # A variable such as KAITO_NAMESPACE, which a user may always have, does not choose a target.
            elif key == "workspace-name" or (flags and key in _CLUSTER):
                self._displaced.add("endpoint")
                self._names_workspace = True
            elif key == "backend" and given != ("url",):
                self._displaced.add("endpoint")
                if _is_without_workspace(setting):
                    self._displaced |= _FOR_SERVER


def _is_without_workspace(backend: Setting | None) -> bool:
    return backend is not None and isinstance(backend.given, tuple) and not _WITHOUT_WORKSPACE.isdisjoint(backend.given)
