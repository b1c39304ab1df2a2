"""Adds the options of the table to a parser, and turns the parsed flags into `Settings`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kaito.cli.args.parser import Once, Parser
from kaito.errors import UsageError
from kaito.options import flag_values, table
from kaito.options.option import Option
from kaito.options.parsers import one_of
from kaito.options.prompts import Prompt, filled, unfilled
from kaito.settings import Settings
from kaito.types import Target
from kaito.types.targets import target_of

#: Flags with a value that may stand before the subcommand.
GLOBAL_VALUE_FLAGS = frozenset(
    name
    for option in (*table.SHARED, *table.CLUSTER)
    if option.metavar and option is not table.WORKSPACE_NAME
    for name in (option.short, option.flag)
    if name
)

_DEFAULTS = Settings()


def add_options(parser: Parser, title: str, options: Iterable[Option]) -> None:
    """Add options of the table as a group of flags."""
    group = parser.add_argument_group(title)
    for option in options:
        parser.note_option(_add(group, option), option)


def _add(group: argparse._ArgumentGroup, option: Option) -> argparse.Action:
    names = [option.short, option.flag] if option.short else [option.flag]
    default = getattr(_DEFAULTS, option.dest, None)
    if option.action in ("on", "off"):
        action = "store_true" if option.action == "on" else "store_false"
        return group.add_argument(*names, dest=option.dest, action=action, help=option.help)
    keywords: dict[str, Any] = {"dest": option.dest, "metavar": option.metavar, "help": option.help, "default": default}
    if option.parse is not None:
        keywords["type"] = option.parse(option.flag)
    if option.action == "append":
        keywords |= {"action": "append", "default": []}
    elif option.action == "once":
        keywords["action"] = Once
    elif option.action == "optional":
        keywords |= {"nargs": "?", "const": option.const}
    return group.add_argument(*names, **keywords)


def add_shared_flags(parser: Parser) -> None:
    """Add the flags of every command that loads plugins."""
    add_options(parser, "Flags of all commands", table.SHARED)


def add_output_flag(parser: Parser, formats: Sequence[str], dest: str = "output") -> None:
    """Add `-o` with the formats of a command; the first is the default."""
    group = parser.add_argument_group("Flags for the output")
    parse = one_of(*formats)("--output")
    group.add_argument(
        "-o", "--output", dest=dest, default=formats[0], metavar="|".join(formats), type=parse, help="Output format"
    )


def add_cluster_flags(parser: Parser, *, waits: bool = False, workspace: bool = True) -> None:
    """Add the flags that select a workspace and its cluster, or only the cluster; with `waits` also `--wait`."""
    options = [option for option in table.CLUSTER if workspace or option is not table.WORKSPACE_NAME]
    add_options(parser, "Flags for the cluster", [*options, *([table.WAIT] if waits else [])])


def add_endpoint_flags(parser: Parser, *, url: bool = True) -> None:
    """Add the flags that say how the model's server is reached; with `url` also `--endpoint`."""
    options = [option for option in table.CONNECTION if url or option is not table.ENDPOINT_URL]
    add_options(parser, "Flags for the connection to the model", options)


def settings_from(given: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Resolve flags, environment and defaults. Options that the command does not have keep their defaults.

    Raises:
        UsageError: they contradict each other, or a file that they name cannot be used.
    """
    values = vars(given)
    if values.get("certificate_authority") and values.get("insecure_skip_tls_verify"):
        raise UsageError("--certificate-authority: cannot be used with --insecure-skip-tls-verify")
    named = {name: values[name] for name in Settings.__struct_fields__ if name in values}
    return Settings(
        **{
            **named,
            "target": target_from(given),
            "system_prompt": _system_prompt(values),
            "prompt_variables": _prompt_variables(values),
            "headers": tuple(pair for pairs in values.get("header", ()) for pair in pairs),
            "api_key": _api_key(values.get("api_key_file"), environ),
        }
    )


def _system_prompt(values: Mapping[str, Any]) -> str | None:
    given: Prompt | None = values.get("system_prompt")
    required = [key for key, _ in values.get("variable", ())]
    if given is None and not required:
        return None
    return filled("--system-prompt", given or Prompt(""), _prompt_variables(values), required) or None


def unfilled_prompt(given: argparse.Namespace) -> str:
    """Return a remark on variables in the file of `--system-prompt` that no flag gives a value; `""` for none."""
    values = vars(given)
    prompt: Prompt | None = values.get("system_prompt")
    return unfilled(prompt, _prompt_variables(values)) if prompt is not None else ""


def _prompt_variables(values: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the variables of system prompts: those of the command line replace those of the configuration."""
    return {**values.get("configured_variables", {}), **dict(values.get("variable", ()))}


def target_from(given: argparse.Namespace) -> Target:
    """Return the target that the flags select; those that the command does not have keep their defaults."""
    values = vars(given)
    return target_of(
        values.get("workspace_name"),
        namespace=values.get("namespace"),
        endpoint=values.get("endpoint"),
        model=values.get("model"),
        kubeconfig=values.get("kubeconfig"),
        context=values.get("context"),
        wait=values.get("wait"),
        request_timeout=values.get("request_timeout") or None,
    )


def _api_key(file: str | None, environ: Mapping[str, str]) -> str | None:
    if file is not None:
        return flag_values.api_key(flag_values.read_file("--api-key-file", file), f"--api-key-file: '{file}'")
    if key := environ.get("KAITO_API_KEY"):
        return flag_values.api_key(key, "KAITO_API_KEY")
    return None
