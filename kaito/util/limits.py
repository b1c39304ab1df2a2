"""Limits of what is read from outside. Each is far above what an honest sender needs.

Sizes are in bytes unless a comment says otherwise.
"""

from __future__ import annotations

_KIB, _MIB, _GIB = 1024, 1024**2, 1024**3

#: One response of the API server with a page of a list, and one with a single object: etcd stores at most 1.5 MiB.
API_PAGE = 16 * _MIB
API_OBJECT = 4 * _MIB
#: Objects of one list, and the pages that it comes in.
API_LIST_ITEMS = 100_000
API_LIST_PAGES = 1_000
#: One event of a watch.
WATCH_EVENT = 4 * _MIB
#: The body of an error response.
ERROR_BODY = 64 * _KIB
#: One message of a port-forward's WebSocket, all fragments together.
WEBSOCKET_MESSAGE = 4 * _MIB

#: One event of a model's stream.
STREAM_EVENT = 8 * _MIB
#: An answer that is not streamed, with everything around its text.
WHOLE_ANSWER = 16 * _MIB
#: An event, or a whole answer, whose fields do not have the usual types. Parsing it takes up to 25 times its size.
UNUSUAL_EVENT = 2 * _MIB
#: The events of one read that are decoded without a look at how many values they have.
UNCHECKED_EVENTS = 1 * _MIB
#: The text of one answer, and as much again for its reasoning. In characters.
ANSWER = 16 * _MIB
#: The calls of tools of one answer, and the bytes in which they arrive.
TOOL_CALLS = 128
TOOL_CALL_BYTES = 4 * _MIB
#: Values of an answer that is checked against a JSON schema, as its commas. Not in bytes; each takes some microseconds.
CHECKED_VALUES = 50_000
#: A list of models: some gateways list thousands.
MODEL_LIST = 8 * _MIB
#: Objects of such a list, nested ones included. Not in bytes: each model of OpenRouter's has about six.
MODEL_LIST_OBJECTS = 100_000
#: Commas of such a list when some of its entries are not models. Not in bytes.
MIXED_LIST_COMMAS = 20_000
#: The tokens of a prompt, as a server's tokenizer lists them.
TOKEN_LIST = 16 * _MIB
#: The same, when they are not plain numbers. Parsing it takes up to 25 times its size.
TOKEN_OBJECTS = 1 * _MIB
#: A number of tokens. Not in bytes; no server has counted more.
TOKEN_COUNT = 2**63 - 1

#: Values of JSON of any kind, as its commas. Not in bytes; as many again for each :data:`BYTES_PER_VALUE`.
JSON_VALUES = 100_000
BYTES_PER_VALUE = 16
#: JSON whose nulls are removed where they are not expected. Decoding all of it takes up to 25 times its size.
JSON_WITH_NULLS = 2 * _MIB

#: One line of a script.
SCRIPT_LINE = 16 * _MIB
#: What `-m -` and pasted material may have.
STDIN = 16 * _MIB

#: An image that is sent. OpenAI's own limit for a request is 50 MB; vLLM has none.
IMAGE = 20 * _MIB
#: A conversation that /save writes and /load reads, with its images.
CONVERSATION = 64 * _MIB

#: A file with configuration, such as a kubeconfig.
CONFIG_FILE = 16 * _MIB
#: The user's own `config.toml`, whose parser takes a second for a MiB.
SETTINGS_FILE = 256 * _KIB
#: What a credential plugin prints.
EXEC_OUTPUT = 1 * _MIB
#: An answer of an OpenID provider.
PROVIDER_ANSWER = 1 * _MIB

#: Characters of a name from outside that are shown.
SHOWN_NAME = 300


def shown_size(size: int) -> str:
    """Return a number of bytes for a message, such as `64 MiB`, `7.8 KiB` or `11 bytes`."""
    for unit, name in ((_GIB, "GiB"), (_MIB, "MiB"), (_KIB, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{size} byte{'s' * (size != 1)}"
