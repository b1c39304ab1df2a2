"""A Hugging Face hub on loopback: the API that lists files, the redirects, and the storage to which they lead.

The storage is a server of its own, as on the real hub: another origin, which must not see the user's token.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import re
import threading
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """The state of a hub: its repositories, its faults, and what it was asked."""

    def __init__(self):
        #: The files of each repository, by `OWNER/NAME`.
        self.repositories: dict[str, dict[str, bytes]] = {}
        #: The token that is needed; `None` for a public hub.
        self.token = None
        #: Repositories whose conditions must be accepted.
        self.gated: set[str] = set()
        #: For each download in turn, after how many bytes its connection is cut; `None`: not at all.
        self.cuts: list[int | None] = []
        #: What the storage sends in place of the content.
        self.replaced: dict[str, bytes] = {}
        #: Whether the storage ignores `Range`.
        self.ignores_ranges = False
        #: The HTTP status of all responses of the API; `None` when it works.
        self.status = None
        #: The method, path and headers of each request to the hub, and to the storage.
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.storage_requests: list[tuple[str, str, dict[str, str]]] = []
        #: The storage sends this many bytes, then waits for `resume`; `None`: it does not wait.
        self.pause_after = None
        self.paused = threading.Event()
        self.resume = threading.Event()
        self.url = ""
        self.storage_url = ""

    def ranges(self):
        """Return the `Range` of each download, in turn."""
        return [headers.get("range") for _, _, headers in self.storage_requests]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def headers_seen(self):
        return {name.lower(): value for name, value in self.headers.items()}

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        pass


class _HubHandler(_Handler):
    def do_GET(self):
        hub = self.hub
        path = unquote(urlsplit(self.path).path)
        hub.requests.append((self.command, path, self.headers_seen()))
        if hub.status is not None:
            self.answer(hub.status, X_Error_Message="out of order \x1b[31m")
            return
        listed = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/main)?", path)
        resolved = re.fullmatch(r"/([^/]+/[^/]+)/resolve/main/(.+)", path)
        name = (listed or resolved or [None, ""])[1]
        files = hub.repositories.get(name)
        if files is None or (hub.token and self.headers.get("Authorization") != f"Bearer {hub.token}"):
            self.answer(401, X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
        elif listed:
            self.answer(200, json.dumps(self.listing(name, files)).encode(), Content_Type="application/json")
        elif name in hub.gated:
            self.answer(403, X_Error_Code="GatedRepo", X_Error_Message="Access to model is restricted")
        elif resolved[2] not in files:
            self.answer(404, X_Error_Code="EntryNotFound", X_Error_Message="Entry not found")
        else:
            content = files[resolved[2]]
            self.answer(
                302,
                Location=f"{hub.storage_url}/{name}/{resolved[2]}?X-Amz-Signature=secret",
                X_Repo_Commit=COMMIT,
                X_Linked_Size=str(len(content)),
                X_Linked_Etag=f'"{hashlib.sha256(content).hexdigest()}"',
                ETag='"of the redirect"',
            )

    def listing(self, name, files):
        siblings = []
        for file, content in files.items():
            large = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 135}
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            siblings.append({"rfilename": file, "size": len(content), "blobId": blob, "lfs": large})
        return {"id": name, "modelId": name, "sha": COMMIT, "private": False, "tags": [], "siblings": siblings}


class _StorageHandler(_Handler):
    def do_GET(self):
        hub = self.hub
        path = unquote(urlsplit(self.path).path)
        hub.storage_requests.append((self.command, path, self.headers_seen()))
        _, owner, repository, name = path.split("/", 3)
        content = hub.replaced.get(name, hub.repositories[f"{owner}/{repository}"][name])
        total = len(content)
        begin = 0
        if (wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))) and not hub.ignores_ranges:
            begin = int(wanted[1])
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - begin))
        self.end_headers()
        cut = hub.cuts.pop(0) if hub.cuts else None
        with contextlib.suppress(OSError):
            if hub.pause_after is not None:
                self.wfile.write(content[begin : begin + hub.pause_after])
                begin += hub.pause_after
                hub.pause_after = None
                hub.paused.set()
                hub.resume.wait(60)
            self.wfile.write(content[begin:] if cut is None else content[begin : begin + cut])
        self.close_connection = True


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that disconnects is not a fault."""


@contextlib.contextmanager
def running_hub():
    """Run a hub and its storage."""
    hub = Hub()
    servers = []
    for kind in (_HubHandler, _StorageHandler):
        server = _Server(("127.0.0.1", 0), type(kind.__name__, (kind,), {"hub": hub}))
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        servers.append((server, thread))
    hub.url, hub.storage_url = (f"http://127.0.0.1:{server.server_port}" for server, _ in servers)
    try:
        yield hub
    finally:
        hub.resume.set()
        for server, thread in servers:
            server.shutdown()
            thread.join()
            server.server_close()
