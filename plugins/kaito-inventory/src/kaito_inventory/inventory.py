"""The inventory: a YAML file with the endpoints of a team, decoded and checked."""

from __future__ import annotations

import os
import re
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct
from yarl import URL

from kaito import KaitoError, NotFoundError, toolkit

#: The most bytes of an inventory, and of a file with a key.
_LARGEST, _LARGEST_SECRET = 256 * 1024, 16 * 1024

#: What `--workspace-name` accepts.
_Name = Annotated[str, Meta(pattern="^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=63)]

#: Names of headers and of parts of a URL's query whose values are secrets.
_SECRET = re.compile(r"auth|key|token|secret|passw|cookie|credential|signature|^sig$", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~]*")


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """One endpoint. It contains no secrets, but names the files that do."""

    name: _Name
    url: str
    #: The model to request.
    model: str | None = None
    #: A description for people.
    description: str = ""
    #: The file with the key, which is sent as `Authorization: Bearer`.
    api_key_file: str | None = None
    #: Further headers, and the files with the values of secret ones.
    headers: dict[str, str] = {}
    header_files: dict[str, str] = {}
    #: PEM file of the authorities to trust instead of the system's.
    certificate_authority: str | None = None

    @property
    def shown_url(self) -> str:
        """The base URL without its query."""
        return self.url.partition("?")[0].rstrip("/").removesuffix("/chat/completions")


class _File(Struct, forbid_unknown_fields=True):
    endpoints: list[Entry]


class InventoryError(KaitoError):
    """An inventory cannot be used.

    Args:
        path: its file.
        reason: continues "cannot be used".
    """

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"The inventory '{path}' cannot be used: {reason}")
        self.reason = str(reason)


class Inventory(Struct, frozen=True):
    """The entries of a file."""

    path: Path
    entries: tuple[Entry, ...]

    def find(self, name: str) -> Entry | None:
        """Return the entry with a name."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def names(self) -> str:
        """Return the names, for a message."""
        return ", ".join(entry.name for entry in self.entries) or "none"

    def file(self, name: str) -> Path:
        """Return the path of a file that an entry names: relative to the inventory's folder.

        Raises:
            OSError: it begins with the home folder of a user who does not exist here.
        """
        return self.path.parent / toolkit.named_path(name)

    def secret_headers(self, entry: Entry) -> dict[str, str]:
        """Read the headers of an entry whose values are in files.

        Raises:
            KaitoError: one cannot be read, or other users can.
        """
        headers = {name: _read_secret(self, file, entry) for name, file in entry.header_files.items()}
        if entry.api_key_file is not None:
            headers["Authorization"] = f"Bearer {_read_secret(self, entry.api_key_file, entry)}"
        return headers

    def trusted(self, entry: Entry) -> ssl.SSLContext | bool:
        """Return the TLS context of an entry; `True` to trust the system's authorities.

        Raises:
            KaitoError: its file cannot be used.
        """
        if entry.certificate_authority is None:
            return True
        path: str | Path = entry.certificate_authority
        try:
            path = self.file(entry.certificate_authority)
            return ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise KaitoError(
                f"Endpoint '{entry.name}' of the inventory: '{path}' is not a file of PEM certificates: {reason}"
            ) from None


def default_file() -> Path:
    """Return the path of the inventory that is used when none is named."""
    return toolkit.config_folder() / "inventory.yaml"


def find_inventory(file: str | None) -> Inventory | None:
    """Read an inventory, or the one in kaito's configuration folder; `None` if that does not exist.

    Raises:
        KaitoError: it cannot be used.
    """
    if file is None and not default_file().exists():
        return None
    return read_inventory(file)


def no_inventory() -> NotFoundError:
    """Return the error for a user without an inventory."""
    return NotFoundError(
        f"There is no inventory: {default_file()}",
        "Write one, or name one with --inventory FILE; the README of kaito-inventory has an example",
    )


def read_inventory(file: str | None) -> Inventory:
    """Read an inventory, or the one in kaito's configuration folder.

    Raises:
        KaitoError: it cannot be read, is not an inventory, or may have been written by anyone.
    """
    path = default_file() if file is None else Path(file)
    try:
        path = toolkit.named_path(str(path))
        text = toolkit.read_text(path, _LARGEST)
        # Whoever can write the file decides where messages and keys are sent. The team's group may.
        if os.name == "posix" and path.stat().st_mode & stat.S_IWOTH:
            raise toolkit.UnreadableError(f"every user can write it; 'chmod o-w {path}' changes that")
        entries = toolkit.decode_yaml(text.encode(), _File).endpoints
        _check(entries)
    except (toolkit.UnreadableError, toolkit.DecodeError, OSError) as exc:
        raise InventoryError(path, getattr(exc, "strerror", None) or exc) from None
    return Inventory(path, tuple(entries))


def _check(entries: Iterable[Entry]) -> None:
    """Check rules that the types cannot express. Messages never quote values, which may be misplaced secrets.

    Raises:
        DecodeError: an entry is not valid.
    """
    names: set[str] = set()
    for number, entry in enumerate(entries):
        place = f"endpoints[{number}]"
        if entry.name in names:
            raise toolkit.DecodeError("another entry has this name", f"{place}.name")
        names.add(entry.name)
        if reason := _fault_of_url(entry.url):
            raise toolkit.DecodeError(reason, f"{place}.url")
        for name, value in entry.headers.items():
            if not _HEADER_VALUE.fullmatch(value):
                raise toolkit.DecodeError("its value is not printable ASCII", f"{place}.headers.{name}")
            if _SECRET.search(name):
                reason = "it may be a secret, which belongs into a file: use api-key-file or header-files"
                raise toolkit.DecodeError(reason, f"{place}.headers.{name}")
        for field, headers in (("headers", entry.headers), ("header-files", entry.header_files)):
            for name in headers:
                if not _HEADER_NAME.fullmatch(name):
                    raise toolkit.DecodeError("a header cannot have this name", f"{place}.{field}")


def _fault_of_url(text: str) -> str:
    """Return what is wrong with a URL; `""` if it is valid."""
    wanted = "expected an http:// or https:// URL such as https://llm.example.com/v1"
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and url.port != 0
    except ValueError:
        return wanted
    if url.user is not None or url.password is not None:
        return "it must not hold a user or a password: use api-key-file or header-files"
    if any(_SECRET.search(name) for name in url.query):
        return "its query may hold a secret: use api-key-file or header-files"
    if not usable or url.fragment or not text.isprintable() or " " in text:
        return wanted
    return ""


def _read_secret(inventory: Inventory, name: str, entry: Entry) -> str:
    path: str | Path = name
    try:
        path = inventory.file(name)
        if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise toolkit.UnreadableError(f"other users may use it; 'chmod 600 {path}' changes that")
        secret = toolkit.read_text(path, _LARGEST_SECRET).strip()
        if not secret or not _HEADER_VALUE.fullmatch(secret):
            raise toolkit.UnreadableError("it is not one line of printable ASCII characters")
    except (toolkit.UnreadableError, OSError, ValueError) as exc:  # a NUL in the name is a ValueError
        reason = getattr(exc, "strerror", None) or exc
        raise KaitoError(
            f"Endpoint '{entry.name}' of the inventory: cannot use the secret in '{path}': {reason}"
        ) from None
    return secret
