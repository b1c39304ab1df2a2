"""The values of `kaito deploy`'s flags, each checked by itself. Errors continue a sentence: `'x' is not …`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from kaito.toolkit import WORKSPACE_RULE, decode_yaml, is_workspace, named_path, read_bytes

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and …/labels/
_LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
#: A preset, or the id of a model: `phi-4`, `Qwen/Qwen3-0.6B`.
_MODEL = re.compile(rf"{_WORD.pattern}(/{_WORD.pattern})?")
#: An image with its registry, tag and digest; the cluster knows more exactly.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_WHOLE = re.compile(r"[0-9]{1,9}")
#: Bytes: a ConfigMap may have 1 MiB.
_LONGEST_CONFIG = 1000 * 1024
_FILE_ENDS = (".yaml", ".yml")


class Adapter(Struct, frozen=True):
    """A LoRA adapter."""

    name: str
    image: str
    #: `None` for KAITO's default.
    strength: str | None = None


class InferenceConfig(Struct, frozen=True):
    """The server's settings: the name of a ConfigMap, or the text of a file."""

    name: str = ""
    text: str = ""


def workspace(value: str) -> str:
    """Return a workspace's name, which may be given as `workspace/NAME`, or `inferenceset/NAME`."""
    if not is_workspace(value):
        raise ValueError(f"is not {WORKSPACE_RULE}")
    return value.removeprefix("workspace/")


def model(value: str) -> str:
    """Return a preset's name or a model's id."""
    if not _MODEL.fullmatch(value) or len(value) > 200:
        raise ValueError("is not a preset such as phi-4, or a Hugging Face id such as Qwen/Qwen3-0.6B")
    return value


def instance_type(value: str) -> str:
    """Return the name of a kind of machine."""
    if not _WORD.fullmatch(value) or len(value) > 63:
        raise ValueError("is not an instance type such as Standard_NC24ads_A100_v4")
    return value


def name(value: str) -> str:
    """Return the name of an object, such as a Secret."""
    if not _SUBDOMAIN.fullmatch(value) or len(value) > 253:
        raise ValueError("is not a name of lower-case letters, digits, '-' and '.'")
    return value


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a parser of whole numbers."""

    def parse(value: str) -> int:
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            raise ValueError(f"is not a whole number from {least} to {most}")
        return int(value)

    return parse


def adapter(value: str) -> Adapter:
    """Return the adapter of `NAME=IMAGE[,STRENGTH]`."""
    given, equals, rest = value.partition("=")
    image, comma, strength = rest.partition(",")
    if not equals or not _SUBDOMAIN.fullmatch(given) or len(given) > 253 or not _IMAGE.fullmatch(image):
        raise ValueError("is not NAME=IMAGE[,STRENGTH], such as sql=registry.example/sql:1,0.5")
    # KAITO has the strength as text.
    if comma and not (re.fullmatch(r"[0-9]+(\.[0-9]+)?", strength, re.ASCII) and float(strength) <= 1):
        raise ValueError("is not NAME=IMAGE[,STRENGTH] with a strength from 0.0 to 1.0")
    return Adapter(given, image, strength or None)


def labels(value: str) -> dict[str, str]:
    """Return the labels of `KEY=VALUE[,KEY=VALUE…]`."""
    found: dict[str, str] = {}
    for pair in value.split(","):
        key, equals, content = pair.partition("=")
        prefix, slash, word = key.rpartition("/")
        is_key = _WORD.fullmatch(word) and len(word) <= 63 and (not slash or _SUBDOMAIN.fullmatch(prefix))
        if not equals or not is_key or len(content) > 63 or not (content == "" or _WORD.fullmatch(content)):
            raise ValueError("is not KEY=VALUE[,KEY=VALUE…] with a label's key and value, such as pool=gpu")
        found[key] = content
    return found


def inference_config(value: str) -> InferenceConfig:
    """Return the settings of a file, or the name of a ConfigMap. A file has a folder or ends with `.yaml`."""
    if "/" not in value and not value.endswith(_FILE_ENDS):
        return InferenceConfig(name=name(value))
    try:
        content = read_bytes(named_path(value), _LONGEST_CONFIG)
    except OSError as exc:
        raise ValueError(f"cannot be read: {exc.strerror}") from None
    try:
        text = content.decode("utf-8-sig")
        decode_yaml(content, dict[str, Any])
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except ValueError as exc:
        raise ValueError(f"is not a mapping in YAML: {exc}") from None
    return InferenceConfig(text=text)
