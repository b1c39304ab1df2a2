"""The table of options. A new option is one entry here, and a field of `Settings` if the run needs its value."""

from __future__ import annotations

from collections.abc import Mapping

from kaito.options import flag_values, parsers
from kaito.options.option import Option

_SWITCH = ("on", "off")
#: Seconds that `--wait` without a value waits: a model of many gigabytes on a node that must be created first.
_WAIT = 1800.0

#: Flags of every command that loads plugins.
SHARED = (
    Option(
        flag="--plugin",
        action="append",
        metavar="MODULE|FILE",
        help="Load this plugin in addition to the installed ones; may be repeated",
    ),
    Option(
        flag="--color",
        metavar="auto|always|never",
        parse=parsers.one_of("auto", "always", "never"),
        help="When to use colours for errors, reasoning and statistics",
    ),
    Option(flag="--verbose", short="-v", action="on", help="Explain each step on stderr"),
)

#: Flags that select a workspace and its cluster.
CLUSTER = (
    Option(
        flag="--workspace-name",
        metavar="NAME",
        parse=flag_values.workspace,
        help="Name of the workspace, or inferenceset/NAME",
    ),
    Option(
        flag="--namespace",
        short="-n",
        metavar="NAME",
        parse=flag_values.namespace,
        help="Kubernetes namespace; the context's by default",
    ),
    Option(flag="--kubeconfig", metavar="FILE", parse=flag_values.existing_file, help="Path of the kubeconfig file"),
    Option(flag="--context", metavar="NAME", help="Context of the kubeconfig to use"),
    Option(
        flag="--request-timeout",
        metavar="DURATION",
        parse=flag_values.duration_or_zero,
        help="Time limit of one request to the API server, such as 10s; 0 for no limit",
    ),
)

#: The flag of commands that can wait for a workspace.
WAIT = Option(
    flag="--wait",
    action="optional",
    const=_WAIT,
    metavar="DURATION",
    parse=flag_values.duration_or_zero,
    help="Wait until the workspace is ready, such as --wait=10m; 30m without a value",
)

ENDPOINT_URL = Option(
    flag="--endpoint",
    metavar="URL",
    parse=flag_values.url,
    help="Send requests to this OpenAI-compatible server instead of a workspace",
)

#: Flags that say how the model's server is reached.
CONNECTION = (
    Option(flag="--backend", metavar="NAME", help="How to connect to the model; see 'kaito plugins'"),
    ENDPOINT_URL,
    Option(
        flag="--header",
        action="append",
        metavar="'NAME: VALUE'|@FILE",
        parse=flag_values.header,
        help="Send this header to the model's server; may be repeated",
    ),
    Option(
        flag="--api-key-file", metavar="FILE", help="File with the key for the model's server (or set KAITO_API_KEY)"
    ),
    Option(
        flag="--connect-timeout",
        metavar="DURATION",
        parse=flag_values.duration,
        help="Time limit for connecting, in seconds or such as 1m30s",
    ),
    Option(
        flag="--idle-timeout",
        metavar="DURATION",
        parse=flag_values.duration,
        help="How long the server may be silent, in seconds or such as 5m",
    ),
    Option(
        flag="--certificate-authority",
        metavar="FILE",
        parse=flag_values.existing_file,
        help="PEM file of the authorities to trust for https, instead of the system's",
    ),
    Option(flag="--insecure-skip-tls-verify", action="on", help="Do not verify the server's certificate"),
)

#: Flags of `kaito chat` for the conversation; those with a `setting` can change within a session.
CONVERSATION = (
    Option(flag="--system-prompt", metavar="TEXT", parse=flag_values.text, help="System prompt for the conversation"),
    Option(
        flag="--temperature",
        setting="temperature",
        request="field",
        metavar="NUMBER",
        parse=parsers.temperature,
        help="Temperature for response generation, 0.0 to 2.0",
    ),
    Option(
        flag="--max-tokens",
        setting="max-tokens",
        request="field",
        metavar="COUNT",
        parse=parsers.count,
        help="Maximum tokens in response",
    ),
    Option(
        flag="--top-p",
        setting="top-p",
        request="field",
        metavar="NUMBER",
        parse=parsers.share,
        help="Top-p (nucleus sampling) parameter, 0.0 to 1.0",
    ),
    Option(
        flag="--model",
        metavar="NAME",
        parse=flag_values.text,
        help="Model or adapter to request; the first that the server lists by default",
    ),
    Option(flag="--continue", field="resume", action="on", help="Continue the last conversation of this terminal"),
    Option(flag="--load", metavar="FILE", help="Continue a conversation that /save wrote"),
)

#: Further fields of the request, sent only when set. The last two are vLLM's and llama.cpp's, not OpenAI's.
SAMPLING = (
    Option(
        flag="--seed",
        setting="seed",
        request="extra",
        metavar="NUMBER",
        parse=parsers.seed,
        help="Seed of the random numbers",
    ),
    Option(
        flag="--stop",
        setting="stop",
        request="extra",
        metavar="TEXT|JSON",
        parse=parsers.stops,
        help="End the answer at this text, or at one of up to four texts in a JSON list",
    ),
    Option(
        flag="--presence-penalty",
        setting="presence-penalty",
        request="extra",
        metavar="NUMBER",
        parse=parsers.penalty,
        help="Penalty for words that occurred, -2.0 to 2.0",
    ),
    Option(
        flag="--frequency-penalty",
        setting="frequency-penalty",
        request="extra",
        metavar="NUMBER",
        parse=parsers.penalty,
        help="Penalty for words by how often they occurred, -2.0 to 2.0",
    ),
    Option(
        flag="--top-k",
        setting="top-k",
        request="extra",
        metavar="COUNT",
        parse=parsers.top_k,
        help="Choose from this many tokens; 0 or -1 for all",
    ),
    Option(
        flag="--min-p",
        setting="min-p",
        request="extra",
        metavar="NUMBER",
        parse=parsers.share,
        help="Least probability of a token, relative to the likeliest, 0.0 to 1.0",
    ),
)

#: Flags of `kaito chat` for how answers are requested and shown.
OUTPUT = (
    Option(
        flag="--no-stream",
        setting="stream",
        field="stream",
        request="field",
        action="off",
        parse_setting=parsers.switch,
        choices=_SWITCH,
        help="Request each answer as a whole",
    ),
    Option(
        flag="--trim",
        setting="trim",
        action="on",
        parse_setting=parsers.switch,
        choices=_SWITCH,
        help="Drop the oldest turns when the model's context window is full",
    ),
    Option(
        flag="--no-reasoning",
        setting="reasoning",
        field="reasoning",
        action="off",
        parse_setting=parsers.switch,
        choices=_SWITCH,
        help="Hide what the model thinks before it answers",
    ),
    Option(
        flag="--stats",
        setting="stats",
        action="on",
        parse_setting=parsers.switch,
        choices=_SWITCH,
        help="Show statistics on stderr after each answer",
    ),
    # The names of the formatters are checked once the plugins are loaded.
    Option(
        flag="--output",
        short="-o",
        setting="format",
        metavar="FORMAT",
        help="Format of the answers: plain, json, or a plugin's, such as markdown of kaito-rich",
    ),
)

#: Flags of `kaito chat` for its input.
INPUT = (
    Option(
        flag="--message",
        short="-m",
        action="once",
        metavar="TEXT",
        parse=flag_values.text,
        help="Send one message and exit; piped input is placed before it. '-' sends all of stdin as the message",
    ),
    Option(flag="--no-stdin", action="on", help="With --message, do not read stdin"),
    Option(flag="--script", metavar="FILE", help="Read messages and commands from a file, one per line; '-' is stdin"),
    Option(flag="--keep-going", action="on", help="Continue a script after a failure"),
)

#: The options that `/set` can change, by name.
SETTINGS: Mapping[str, Option] = {
    option.setting: option for option in (*CONVERSATION, *SAMPLING, *OUTPUT) if option.setting
}
