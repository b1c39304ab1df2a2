"""The flags that commands share, and what becomes of them: `Settings`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from kaito import settings as defaults
from kaito.cli.args import flag_values
from kaito.cli.args.parser import Parser
from kaito.errors import UsageError
from kaito.plugin.discovery import Plugin
from kaito.plugin.manager import Plugins
from kaito.settings import Settings
from kaito.types import OptionGroup, Target

#: Flags with a value that may stand before the subcommand.
GLOBAL_VALUE_FLAGS = frozenset(
    {"--kubeconfig", "--context", "-n", "--namespace", "--request-timeout", "--color", "--plugin"}
)

_PLUGIN_PREFIX = "plugin:"
#: Seconds that `--wait` alone waits: a model of many gigabytes on a node that has to be made first.
_WAIT = 1800.0


def add_shared_flags(parser: Parser) -> None:
    """Add the flags of every command that runs plugins."""
    group = parser.add_argument_group("Flags of all commands")
    group.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="MODULE|FILE",
        help="Load a plugin, besides the installed ones; may be repeated",
    )
    group.add_argument(
        "--color",
        default="auto",
        metavar="auto|always|never",
        type=_one_of("--color", ("auto", "always", "never")),
        help="When to use colours for errors, reasoning and figures",
    )
    group.add_argument("-v", "--verbose", action="store_true", help="Explain each step on stderr")


def add_cluster_flags(parser: Parser, *, waits: bool = False) -> None:
    """Add the flags that say which workspace, in which cluster, and for commands that can: to wait for it."""
    group = parser.add_argument_group("Flags for the cluster")
    group.add_argument(
        "--workspace-name",
        metavar="NAME",
        type=flag_values.workspace,
        help="Name of the workspace, or inferenceset/NAME",
    )
    group.add_argument(
        "-n",
        "--namespace",
        metavar="NAME",
        type=flag_values.namespace,
        help="Kubernetes namespace; by default the context's",
    )
    group.add_argument(
        "--kubeconfig",
        metavar="FILE",
        type=flag_values.existing_file("--kubeconfig"),
        help="Path to the kubeconfig",
    )
    group.add_argument("--context", metavar="NAME", help="Context of the kubeconfig to use")
    group.add_argument(
        "--request-timeout",
        metavar="DURATION",
        type=flag_values.duration("--request-timeout", zero=True),
        help="How long one request to the API server may take, such as 10s; 0 for no limit",
    )
    if waits:
        group.add_argument(
            "--wait",
            nargs="?",
            const=_WAIT,
            metavar="DURATION",
            type=flag_values.duration("--wait", zero=True),
            help="Wait until the workspace is ready, such as --wait=10m; 30m when no time is given",
        )


def add_endpoint_flags(parser: Parser, *, url: bool = True) -> None:
    """Add the flags that say how the model is reached; with `url` also the one that gives its URL."""
    group = parser.add_argument_group("Flags for the way to the model")
    group.add_argument("--backend", default="auto", metavar="NAME", help="How to reach the model, see 'kaito plugins'")
    if url:
        group.add_argument(
            "--endpoint",
            metavar="URL",
            type=flag_values.url("--endpoint"),
            help="Talk with this server, which speaks OpenAI's protocol, instead of a workspace",
        )
    group.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'|@FILE",
        type=flag_values.header,
        help="Send this header to the model's server; may be repeated",
    )
    group.add_argument(
        "--api-key-file", metavar="FILE", help="File with the key for the model's server (or set KAITO_API_KEY)"
    )
    group.add_argument(
        "--connect-timeout",
        default=defaults.CONNECT_TIMEOUT,
        metavar="DURATION",
        type=flag_values.duration("--connect-timeout"),
        help="How long a connection may take, in seconds or such as 1m30s",
    )
    group.add_argument(
        "--idle-timeout",
        default=defaults.IDLE_TIMEOUT,
        metavar="DURATION",
        type=flag_values.duration("--idle-timeout"),
        help="How long the server may be silent, in seconds or such as 5m",
    )
    group.add_argument(
        "--certificate-authority",
        metavar="FILE",
        type=flag_values.existing_file("--certificate-authority"),
        help="PEM file of the authorities to trust for https, instead of the system's",
    )
    group.add_argument("--insecure-skip-tls-verify", action="store_true", help="Do not check the server's certificate")


def add_plugin_flags(parser: Parser, plugins: Plugins, command: str) -> None:
    """Add the flags that plugins bring."""
    plugins.add_options(command, lambda plugin: _Group(parser, plugins, plugin))


class _Group(OptionGroup):
    """A plugin's place in the help."""

    def __init__(self, parser: Parser, plugins: Plugins, plugin: Plugin) -> None:
        self._parser = parser
        self._plugins = plugins
        self._plugin = plugin
        self._group: argparse._ArgumentGroup | None = None

    def add(
        self,
        flag: str,
        *,
        help: str,
        metavar: str = "VALUE",
        parse: Callable[[str], Any] = str,
        default: Any = None,
        switch: bool = False,
    ) -> None:
        if not flag.startswith("--") or not flag[2:].replace("-", "").isalnum():
            raise ValueError(f"{flag!r} is not of the form --name")
        if self._group is None:
            self._group = self._parser.add_argument_group(f"Flags of plugin {self._plugin}")
        dest = _PLUGIN_PREFIX + flag[2:].replace("-", "_")
        try:
            if switch:
                self._group.add_argument(flag, dest=dest, action="store_true", help=help)
            else:
                reader = self._reader(flag, parse)
                self._group.add_argument(flag, dest=dest, metavar=metavar, type=reader, default=default, help=help)
        except argparse.ArgumentError:
            raise ValueError(f"the flag {flag} exists already") from None
        self._plugin.provides.append(f"flag {flag}")

    def _reader(self, flag: str, parse: Callable[[str], Any]) -> Callable[[str], Any]:
        def read(value: str) -> Any:
            with self._plugins.guarding(self._plugin, flag):
                try:
                    return parse(value)
                except ValueError as exc:
                    raise UsageError(f"{flag}: '{value}': {exc}") from None

        return read


def settings_from(given: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Resolve flags, environment and defaults. What a command has no flag for keeps its default.

    Raises:
        UsageError: they contradict each other, or a file they name cannot be used.
    """
    flag = vars(given)
    if flag.get("certificate_authority") and flag.get("insecure_skip_tls_verify"):
        raise UsageError("--certificate-authority: does not go with --insecure-skip-tls-verify")
    as_named = {name: flag[name] for name in Settings.__struct_fields__ if name in flag}
    return Settings(
        **{
            **as_named,
            "target": target_from(given),
            "system_prompt": flag.get("system_prompt") or None,
            "stream": not flag.get("no_stream"),
            "reasoning": not flag.get("no_reasoning"),
            "headers": tuple(pair for pairs in flag.get("header", ()) for pair in pairs),
            "api_key": _api_key(flag.get("api_key_file"), environ),
            "options": {
                name.removeprefix(_PLUGIN_PREFIX): value
                for name, value in flag.items()
                if name.startswith(_PLUGIN_PREFIX)
            },
        }
    )


def target_from(given: argparse.Namespace) -> Target:
    """Return what the flags say of the workspace and its cluster."""
    flag = vars(given)
    workspace: str | None = flag["workspace_name"]
    return Target(
        workspace=workspace.removeprefix("inferenceset/") if workspace else None,
        kind="inferenceset" if workspace and workspace.startswith("inferenceset/") else "workspace",
        namespace=flag["namespace"],
        endpoint=flag.get("endpoint"),
        model=flag.get("model"),
        kubeconfig=flag["kubeconfig"],
        context=flag["context"],
        wait=flag.get("wait"),
        request_timeout=flag["request_timeout"] or None,
    )


def _api_key(file: str | None, environ: Mapping[str, str]) -> str | None:
    if file is not None:
        return flag_values.api_key(flag_values.read_file("--api-key-file", file), f"--api-key-file: '{file}'")
    if key := environ.get("KAITO_API_KEY"):
        return flag_values.api_key(key, "KAITO_API_KEY")
    return None


def _one_of(flag: str, allowed: tuple[str, ...]) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in allowed:
            raise UsageError(f"{flag}: '{value}' is not one of {', '.join(allowed)}")
        return value

    return read
