"""The table of options. A new option is one entry here, and a field of `Settings` if the run needs its value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaito.options import flag_values, parsers, prompts, request_values
from kaito.options.option import Option, ParserFactory

#: Seconds that `--wait` without a value waits: enough for a large model on a node that must be created first.
_WAIT = 1800.0


def _value(flag: str, metavar: str, parse: ParserFactory | None, help: str, **more: Any) -> Option:
    return Option(flag=flag, metavar=metavar, parse=parse, help=help, **more)


def _switch(flag: str, help: str, **more: Any) -> Option:
    return Option(flag=flag, help=help, **{"action": "on", **more})


def _field(flag: str, metavar: str, parse: ParserFactory, help: str) -> Option:
    """A setting that is a field of the request."""
    return _value(flag, metavar, parse, help, setting=flag[2:], request="field")


def _extra(flag: str, metavar: str, parse: ParserFactory, help: str) -> Option:
    """A setting that is an extra field of the request, sent only when set."""
    return _value(flag, metavar, parse, help, setting=flag[2:], request="extra")


def _display(flag: str, help: str, **more: Any) -> Option:
    """A setting that is on or off. A flag `--no-NAME` turns it off."""
    name = flag[2:].removeprefix("no-")
    action = "off" if flag.startswith("--no-") else "on"
    return _switch(
        flag, help, setting=name, field=name, action=action, parse_setting=parsers.switch, choices=("on", "off"), **more
    )


PROFILE = _value("--profile", "NAME", None, "Use this profile of the configuration file", configured="never")
NO_CONFIG = _switch(
    "--no-config",
    "Ignore the configuration file, and the variables that stand for flags",
    configured="never",
)

PLUGIN = _value(
    "--plugin",
    "MODULE|FILE",
    None,
    "Load this plugin in addition to the installed ones; may be repeated",
    action="append",
)

#: Flags of every command that loads plugins.
SHARED = (
    PROFILE,
    NO_CONFIG,
    PLUGIN,
    _value(
        "--color",
        "auto|always|never",
        parsers.one_of("auto", "always", "never"),
        "When to use colours for errors, reasoning and statistics",
    ),
    _switch("--verbose", "Explain each step on stderr", short="-v"),
)

WORKSPACE_NAME = _value(
    "--workspace-name", "NAME", flag_values.workspace, "Name of the workspace, or inferenceset/NAME"
)

NAMESPACE = _value(
    "--namespace", "NAME", flag_values.namespace, "Kubernetes namespace; the context's by default", short="-n"
)
KUBECONFIG = _value("--kubeconfig", "FILE", flag_values.existing_file, "Path of the kubeconfig file")
CONTEXT = _value("--context", "NAME", None, "Context of the kubeconfig to use")

#: Flags that select a workspace and its cluster.
CLUSTER = (
    WORKSPACE_NAME,
    NAMESPACE,
    KUBECONFIG,
    CONTEXT,
    _value(
        "--request-timeout",
        "DURATION",
        flag_values.duration_or_zero,
        "Time limit of one request to the API server, such as 10s; 0 for no limit",
    ),
)

#: The flag of commands that can wait for a workspace.
WAIT = _value(
    "--wait",
    "DURATION",
    flag_values.duration_or_zero,
    "Wait until the workspace, or the server of --endpoint, is ready, such as --wait=10m; 30m without a value",
    action="optional",
    const=_WAIT,
    configured="command",
)

ENDPOINT_URL = _value(
    "--endpoint", "URL", flag_values.url, "Send requests to this OpenAI-compatible server instead of a workspace"
)

#: Flags for the connection to the model's server.
CONNECTION = (
    _value("--backend", "NAME", None, "How to connect to the model; see 'kaito plugins'"),
    ENDPOINT_URL,
    _value(
        "--header",
        "'NAME: VALUE'|@FILE",
        flag_values.header,
        "Send this header to the model's server; may be repeated",
        action="append",
    ),
    _value("--api-key-file", "FILE", None, "File with the key for the model's server (or set KAITO_API_KEY)"),
    _value(
        "--connect-timeout",
        "DURATION",
        flag_values.duration,
        "Time limit for connecting, in seconds or such as 1m30s",
    ),
    _value(
        "--idle-timeout",
        "DURATION",
        flag_values.duration,
        "How long the server may be silent, in seconds or such as 5m",
    ),
    _value(
        "--certificate-authority",
        "FILE",
        flag_values.existing_file,
        "PEM file of the authorities to trust for https, instead of the system's",
    ),
    _switch("--insecure-skip-tls-verify", "Do not verify the server's certificate"),
)

#: Flags of `kaito chat` for the conversation.
CONVERSATION = (
    _value(
        "--system-prompt", "TEXT|@FILE", prompts.prompt, "System prompt for the conversation, or the file that has it"
    ),
    _value(
        prompts.VARIABLE_FLAG,
        "KEY=VALUE",
        prompts.variable,
        "Value for {{KEY}} in the file of --system-prompt; may be repeated",
        action="append",
    ),
    _field("--temperature", "NUMBER", parsers.temperature, "Temperature for response generation, 0.0 to 2.0"),
    _field("--max-tokens", "COUNT", parsers.count, "Maximum tokens in response"),
    _field("--top-p", "NUMBER", parsers.share, "Top-p (nucleus sampling) parameter, 0.0 to 1.0"),
    _value(
        "--model",
        "NAME",
        flag_values.text,
        "Model or adapter to request; the server's first by default. For --backend local: FILE.gguf, hf.co/OWNER/REPO",
    ),
    _switch(
        "--continue",
        "Continue the newest conversation with this target",
        field="continue_newest",
        configured="never",
    ),
    _value(
        "--resume",
        "ID",
        flag_values.text,
        "Continue any conversation, with its own target unless another one is given; 'kaito history' lists them",
        action="optional",
        const="",
        configured="never",
    ),
    _value("--load", "FILE", None, "Continue a conversation that /save wrote", configured="never"),
)

#: Further sampling parameters. The last two are vLLM's and llama.cpp's, not OpenAI's.
SAMPLING = (
    _extra("--seed", "NUMBER", parsers.seed, "Seed of the random numbers"),
    _extra("--stop", "TEXT|JSON", parsers.stops, "End the answer at this text, or at one of up to four in a JSON list"),
    _extra("--presence-penalty", "NUMBER", parsers.penalty, "Penalty for tokens that were used already, -2.0 to 2.0"),
    _extra("--frequency-penalty", "NUMBER", parsers.penalty, "Penalty for tokens by their frequency, -2.0 to 2.0"),
    _extra("--top-k", "COUNT", parsers.top_k, "Choose from this many tokens; 0 or -1 for all"),
    _extra("--min-p", "NUMBER", parsers.share, "Least probability of a token relative to the likeliest, 0.0 to 1.0"),
)

#: Flags of `kaito chat` for the further parts of a request: images, tools, a schema, other fields.
REQUEST = (
    _value(
        "--image",
        "FILE",
        None,
        "Send this image with --message: PNG, JPEG, GIF or WebP; may be repeated",
        action="append",
        field="image",
        configured="never",
    ),
    _value(
        "--think",
        "on|off|auto",
        parsers.one_of("on", "off", "auto"),
        "Whether the model reasons before it answers, if its chat template has a switch",
        setting="think",
        choices=("on", "off", "auto"),
    ),
    _value(
        "--schema",
        "FILE",
        request_values.schema,
        "Ask for answers that match this JSON schema, and check them; needs the extra 'schema'",
        setting="schema",
        choices=(request_values.NONE,),
        touches_files=True,
    ),
    _value("--tools", "FILE", request_values.tools, "Offer these tools to the model; its calls are shown, not made"),
    _value(
        "--extra-body",
        "JSON|@FILE",
        request_values.body,
        "Add the fields of this JSON object to each request; null leaves a field out",
        field="body",
    ),
)

# The names of the formatters are checked when the plugins are loaded.
FORMAT = _value(
    "--output",
    "FORMAT",
    None,
    "Format of the answers: plain, text (the answers alone), json, or a plugin's, such as markdown of kaito-rich",
    short="-o",
    setting="format",
)

#: Flags of `kaito chat` for how answers are requested and shown.
OUTPUT = (
    _display("--no-stream", "Request each answer as a whole", request="field"),
    _display("--trim", "Drop the oldest turns when the model's context window is full"),
    _display("--no-reasoning", "Hide what the model thinks before it answers"),
    _display("--stats", "Show statistics on stderr after each answer"),
    FORMAT,
)

#: Flags of `kaito chat` for its input.
INPUT = (
    _value(
        "--message",
        "TEXT",
        flag_values.text,
        "Send one message and exit; piped input is placed before it. '-' sends all of stdin as the message",
        short="-m",
        action="once",
        configured="never",
    ),
    _switch("--no-stdin", "With --message, do not read stdin", configured="never"),
    _value(
        "--script",
        "FILE",
        None,
        "Read messages and commands from a file, one per line; '-' is stdin",
        configured="never",
    ),
    _switch(
        "--each",
        "Make each line of a script a conversation of its own, and continue after a failure",
        configured="never",
    ),
    _switch("--keep-going", "Continue a script after a failure", configured="never"),
)

#: The options that `/set` can change, by name.
SETTINGS: Mapping[str, Option] = {
    option.setting: option for option in (*CONVERSATION, *SAMPLING, *REQUEST, *OUTPUT) if option.setting
}

#: All options.
ALL = (*SHARED, *CLUSTER, WAIT, *CONNECTION, *CONVERSATION, *SAMPLING, *REQUEST, *OUTPUT, *INPUT)
