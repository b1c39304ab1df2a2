"""An OpenAI-compatible chat server in the test's process, with faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from kaito.testing.answers import echo
from kaito.testing.exchange import Exchange, Reply
from kaito.testing.faults import Status
from kaito.testing.http_connection import ClientGone, Connection
from kaito.testing.http_messages import Request
from kaito.testing.request_log import RequestLog
from kaito.testing.response_bodies import (
    DEFAULT_BODIES,
    Dialect,
    count_prompt,
    model_list,
    roles_error,
    unknown_model,
    usage_error,
    window_error,
)

#: A reply, or a function that receives the request and returns a reply. The function runs on the server's thread and
#: must not block.
Responder = Reply | Callable[[Request], Reply]


class ModelServer(RequestLog):
    """A chat server on a loopback port, run by a thread.

    ::

        with ModelServer(window=2048) as server:
            server.enqueue(Status(429, retry_after=1), Say("Hello"))
            ...                                  # send requests to server.url
            assert server.chats[-1].last_message == "Hi"

    It serves `GET /v1/models`, `POST /v1/chat/completions`, `POST /tokenize` and `GET /health`. The next enqueued reply
    answers a chat; if there is none, `default` does. A request that the options below reject gets its error first and
    takes no reply from the queue. Tokens are words. All arguments except `tls` and `port` are attributes that may be
    changed while the server runs.

    Args:
        model: the name of the served model. A request for another model gets vLLM's 404; a request need not name one.
        adapters: further names that are served.
        window: the context window in tokens; `None` sets no limit.
        dialect: the server whose error a prompt that does not fit gets; see
            :func:`kaito.testing.response_bodies.window_error`.
        prefix: the path before `/models` and `/chat/completions`, or several such paths.
        elsewhere: the status for unknown paths: 404 as FastAPI sends it, or 405.
        list_models: whether `/models` exists.
        tokenize: whether vLLM's `/tokenize` exists.
        api_key: a request without `Authorization: Bearer` and this key gets vLLM's 401, except on `/health` and
            `/tokenize`.
        strict_roles: whether roles that do not alternate get the 400 of a strict chat template.
        refuse_usage: whether `stream_options` gets the 400 of a server that does not know it.
        default: the reply when none is enqueued; by default, the last message is repeated.
        tls: the paths of a certificate and its key, or a context. The server then uses `https`.
        port: the port to listen on; 0 selects a free one.
    """

    def __init__(
        self,
        model: str = "test-model",
        *,
        adapters: Sequence[str] = (),
        window: int | None = None,
        dialect: Dialect = "vllm",
        prefix: str | Sequence[str] = "/v1",
        elsewhere: Literal[404, 405] = 404,
        list_models: bool = True,
        tokenize: bool = True,
        api_key: str | None = None,
        strict_roles: bool = False,
        refuse_usage: bool = False,
        default: Responder = echo,
        tls: tuple[str, str] | ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        super().__init__()
        self.model = model
        self.adapters = adapters
        self.window = window
        self.dialect: Dialect = dialect
        self.prefix = prefix
        self.elsewhere = elsewhere
        self.list_models = list_models
        self.tokenize = tokenize
        self.api_key = api_key
        self.strict_roles = strict_roles
        self.refuse_usage = refuse_usage
        self.default: Responder = default
        self._context = _context(tls)
        self._port = port
        self._queue: deque[Responder] = deque()
        self._routes: dict[str, Responder] = {}
        self._error: BaseException | None = None
        self._connections: set[Connection] = set()
        self._accepted = 0
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Bind the port and start to serve. Connections are accepted when this returns.

        Raises:
            OSError: the port is in use.
        """
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="model-server", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def stop(self) -> None:
        """Close all connections and free the port.

        Raises:
            Exception: the first exception that a reply or a function of the test raised.
        """
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port. It is 0 until the server has started, unless one was given."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:40123`, without the prefix and without a trailing slash."""
        return f"http{'s' if self._context else ''}://127.0.0.1:{self._port}"

    def enqueue(self, *replies: Responder) -> None:
        """Add replies for the next chats, in this order."""
        self._queue.extend(replies)

    @property
    def pending(self) -> int:
        """The number of enqueued replies that were not sent yet."""
        return len(self._queue)

    def route(self, path: str, reply: Responder | None) -> None:
        """Answer every request for `path` with `reply`; `None` removes the route.

        Use it to add a path, such as `/metrics`, or to replace one, such as `/v1/models`.
        """
        if reply is None:
            self._routes.pop(path, None)
        else:
            self._routes[path] = reply

    def drop_connections(self) -> None:
        """Reset all connections, as when the server is replaced. New ones are accepted."""
        dropped = threading.Event()

        def drop() -> None:
            for connection in list(self._connections):
                connection.hang_up(reset=True)
            dropped.set()

        self._loop.call_soon_threadsafe(drop)
        dropped.wait()

    # -- on the server's thread

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._main(listener, ready))

    async def _main(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await self._loop.create_server(self._accept, sock=listener)
        ready.set()
        await self._stopping.wait()
        # An accepted socket becomes a connection some iterations of the loop later. Closing the server before that
        # would leak the socket.
        self._loop.remove_reader(listener.fileno())
        for _ in range(5):
            await asyncio.sleep(0)
        server.close()
        tasks = [connection.stop() for connection in self._connections]
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    def _accept(self) -> Connection:
        self._accepted += 1
        return Connection(self._accepted, self._answer, self._context, self._connections)

    async def _answer(self, connection: Connection, request: Request) -> bool:
        """Answer one request; return whether the connection stays open."""
        self._record_request(request)
        body = request.body if isinstance(request.body, Mapping) else {}
        exchange = Exchange(connection, request, str(body.get("model") or self.model), count_prompt(body))
        try:
            await self._reply_to(request, body).send(exchange)
        except ClientGone:
            if not exchange.complete:
                self._record_disconnect(request)
            return False
        except Exception as error:
            self._error = self._error or error
            return False
        return exchange.keep_alive

    def _reply_to(self, request: Request, body: Mapping[str, Any]) -> Reply:
        path = request.path
        if path in self._routes:
            return _resolve(self._routes[path], request)
        if path == "/health":
            return Status(200, "")
        if path == "/tokenize" and self.tokenize:
            count = count_prompt(body)
            tokens = {"count": count, "max_model_len": self.window, "tokens": list(range(count)), "token_strs": None}
            return Status(200, tokens) if request.method == "POST" else Status(405)
        if self.api_key is not None and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return Status(401)
        prefixes = [self.prefix] if isinstance(self.prefix, str) else self.prefix
        if self.list_models and path in [f"{prefix}/models" for prefix in prefixes]:
            if request.method != "GET":
                return Status(405)
            return Status(200, model_list(self.model, self.adapters, self.window, self.dialect))
        if path in [f"{prefix}/chat/completions" for prefix in prefixes]:
            return self._chat_reply(request, body) if request.method == "POST" else Status(405)
        return Status(self.elsewhere, DEFAULT_BODIES[self.elsewhere])

    def _chat_reply(self, request: Request, body: Mapping[str, Any]) -> Reply:
        name = body.get("model")
        if name and name not in (self.model, *self.adapters):
            return Status(404, unknown_model(str(name), flat=self.dialect == "vllm-old"))
        error = usage_error(body) if self.refuse_usage else None
        if self.strict_roles:
            error = error or roles_error(body)
        if self.window is not None:
            limit = body.get("max_completion_tokens") or body.get("max_tokens")
            error = error or window_error(self.dialect, self.window, count_prompt(body), limit)
        if error is not None:
            return Status(400, error)
        return _resolve(self._queue.popleft() if self._queue else self.default, request)


@contextlib.contextmanager
def refused_url() -> Iterator[str]:
    """Yield the base URL of a port that refuses connections, as it is bound but not listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


def _resolve(responder: Responder, request: Request) -> Reply:
    return responder(request) if callable(responder) else responder


def _context(tls: tuple[str, str] | ssl.SSLContext | None) -> ssl.SSLContext | None:
    if tls is None or isinstance(tls, ssl.SSLContext):
        return tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    return context
