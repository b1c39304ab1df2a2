"""A small client for an API server, with one connection per request."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .objects import Object, collection_path, path_of

_TIMEOUT = 30.0
_MANAGER = "kaito-tests"


class ApiError(Exception):
    """An error response of the API server.

    Attributes:
        status: the HTTP status.
        body: the `Status` object, otherwise the text.
    """

    def __init__(self, what: str, status: int, body: Any) -> None:
        self.status = status
        self.body = body
        super().__init__(f"{what}: {status} {self.message}")

    @property
    def message(self) -> str:
        """The server's message."""
        return str(self.body["message"]) if isinstance(self.body, dict) else str(self.body)


class ApiClient:
    """A client with the credentials of a kubeconfig from :mod:`.kubeconfigs`.

    All methods raise :class:`ApiError` for a status of 400 and above, and `OSError` for a failed connection.

    Args:
        kubeconfig: the file.

    Attributes:
        tls: verifies the server's certificate and presents the user's.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        server = urlsplit(cluster["server"])
        self._host, self._port = str(server.hostname), server.port
        self.tls = ssl.create_default_context(cadata=_decode(cluster["certificate-authority-data"]))
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(_decode(user["client-key-data"]) + _decode(user["client-certificate-data"]))
                file.flush()
                self.tls.load_cert_chain(file.name)
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}

    def request(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        """Send a request and return the response's body: decoded JSON, anything else as text.

        Args:
            method: the HTTP method.
            path: with the query.
            body: bytes are sent unchanged, anything else as JSON.
            content_type: of the body.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self._headers, **({} if data is None else {"Content-Type": content_type})}
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT, context=self.tls)
        with contextlib.closing(connection):
            connection.request(method, path, data, headers)
            response = connection.getresponse()
            text = response.read().decode()
        json_type = response.headers.get_content_type() == "application/json"
        answer = json.loads(text) if json_type else text
        if response.status >= 400:
            raise ApiError(f"{method} {path}", response.status, answer)
        return answer

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object:
        """Return an object."""
        return self._object("GET", f"{collection_path(api_version, kind, namespace)}/{name}")

    def list(self, api_version: str, kind: str, namespace: str | None = None, query: str = "") -> list[Object]:
        """Return the objects of a namespace, or of all of them.

        Args:
            api_version: such as `kaito.sh/v1beta1`.
            kind: such as `Workspace`.
            namespace: `None` for all.
            query: such as `labelSelector=a%3Db`.
        """
        answer = self._object("GET", f"{collection_path(api_version, kind, namespace)}?{query}")
        return list(answer["items"])

    def create(self, item: Object) -> Object:
        """Create an object and return it as stored."""
        metadata = item["metadata"]
        return self._object("POST", collection_path(item["apiVersion"], item["kind"], metadata.get("namespace")), item)

    def apply(self, item: Object) -> Object:
        """Create or update an object by server-side apply; return it as stored."""
        path = f"{path_of(item)}?fieldManager={_MANAGER}&force=true"
        return self._object("PATCH", path, item, "application/apply-patch+yaml")

    def patch(self, item: Object, change: Mapping[str, Any]) -> Object:
        """Merge a change into an object; return it as stored."""
        return self._object("PATCH", path_of(item), change, "application/merge-patch+json")

    def patch_status(self, item: Object, status: Mapping[str, Any]) -> Object:
        """Merge a change into an object's status; return the object as stored."""
        return self._object("PATCH", f"{path_of(item)}/status", {"status": status}, "application/merge-patch+json")

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None, grace: int = 0) -> None:
        """Delete an object.

        Args:
            api_version: such as `v1`.
            kind: such as `Pod`.
            name: the object's.
            namespace: the object's.
            grace: seconds for a pod to end; 0 deletes it at once.
        """
        path = f"{collection_path(api_version, kind, namespace)}/{name}?gracePeriodSeconds={grace}"
        self.request("DELETE", path)

    def delete_all(self, api_version: str, kind: str, namespace: str) -> None:
        """Delete all objects of a kind in a namespace, at once."""
        self.request("DELETE", f"{collection_path(api_version, kind, namespace)}?gracePeriodSeconds=0")

    def _object(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Object:
        answer = self.request(method, path, body, content_type)
        assert isinstance(answer, dict), f"{method} {path}: {answer!r}"
        return answer


def _decode(data: str) -> str:
    return base64.b64decode(data).decode()
