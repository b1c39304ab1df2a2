"""An OpenAI-compatible chat server inside the test's own process, which misbehaves when it is told to."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self

from kaito.testing.bodies import (
    DEFAULT_BODIES,
    Dialect,
    count_prompt,
    model_list,
    roles_refusal,
    unknown_model,
    usage_refusal,
    window_refusal,
)
from kaito.testing.exchange import ClientGone, Exchange, Request
from kaito.testing.http_connection import Connection
from kaito.testing.replies import Reply, Status
from kaito.testing.request_log import Recorder
from kaito.testing.say import echo

#: What can be enqueued: a reply, or a function that is given the request and returns one. The function runs on the
#: server's thread and must be quick.
Step = Reply | Callable[[Request], Reply]


class ModelServer(Recorder):
    """A chat server on a port of its own, in a thread of its own.

    ::

        with ModelServer(window=2048) as server:
            server.enqueue(Status(429, retry_after=1), Say("Hello"))
            ...                                  # talk to server.url
            assert server.chats[-1].last_message == "Hi"

    It has `GET /v1/models`, `POST /v1/chat/completions`, `POST /tokenize` and `GET /health`. A chat is answered by the
    next reply that was enqueued, then by `default`; what the options below refuse is refused before, and takes no
    reply from the queue. Tokens are words. All arguments but `tls` and `port` are attributes, which may be changed
    while it runs.

    Args:
        model: the name of the served model. A request that names another gets vLLM's 404; one may name none.
        adapters: further names that are served.
        window: the context window in tokens; `None` has none and refuses nothing.
        dialect: in whose words a prompt is refused that does not fit; see :func:`kaito.testing.bodies.window_refusal`.
        prefix: what stands before `/models` and `/chat/completions`; several serve all of them.
        elsewhere: the status for other paths: 404 as FastAPI answers, or 405.
        list_models: whether there is a model list.
        tokenize: whether there is vLLM's `/tokenize`.
        api_key: without `Authorization: Bearer` and this key the answer is vLLM's 401, except on `/health` and
            `/tokenize`.
        strict_roles: whether roles that do not alternate get 400, as a strict chat template answers.
        refuse_usage: whether `stream_options` gets 400, as from a server that does not know it.
        default: what answers when nothing is enqueued; the last message comes back if not given.
        tls: the certificate's and the key's file, or a context, to be reached by `https`.
        port: a certain port, to come back where another server was; 0 is any free one.
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
        default: Step = echo,
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
        self.default: Step = default
        self._context = _context(tls)
        self._port = port
        self._steps: deque[Step] = deque()
        self._routes: dict[str, Step] = {}
        self._error: BaseException | None = None
        self._connections: set[Connection] = set()
        self._accepted = 0
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._thread: threading.Thread | None = None

    # -- life

    def start(self) -> Self:
        """Bind the port and serve. Connections are accepted from now on.

        Raises:
            OSError: the port is taken.
        """
        listener = socket.create_server(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="model-server", daemon=True)
        self._thread.start()
        ready.wait()
        return self

    def stop(self) -> None:
        """End all connections, whatever they are doing, and free the port.

        Raises:
            Exception: what a reply or a function in the queue raised, if one did.
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
        """The port, once started."""
        return self._port

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:40123`: without the prefix and without a slash at the end."""
        return f"http{'s' if self._context else ''}://127.0.0.1:{self._port}"

    # -- what it says

    def enqueue(self, *steps: Step) -> None:
        """Add replies for the next chats, in their order."""
        self._steps.extend(steps)

    @property
    def pending(self) -> int:
        """How many enqueued replies no chat has taken yet."""
        return len(self._steps)

    def route(self, path: str, step: Step | None) -> None:
        """Answer a path, whatever the method, with `step` from now on; `None` gives it back to the server.

        For what it does not have, such as `/metrics`, and for what shall fail, such as `/v1/models`.
        """
        if step is None:
            self._routes.pop(path, None)
        else:
            self._routes[path] = step

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
        # Closing the server at once would lose a socket that was accepted and is no connection yet, which takes the
        # loop some rounds.
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
        """Answer one request; return whether the connection stays."""
        self._record_request(request)
        body = request.body if isinstance(request.body, Mapping) else {}
        exchange = Exchange(connection, request, str(body.get("model") or self.model), count_prompt(body))
        try:
            await self._choose(request, body).play(exchange)
        except ClientGone:
            if not exchange.complete:
                self._record_disconnect(request)
            return False
        except Exception as error:
            self._error = self._error or error
            return False
        return exchange.keep_alive

    def _choose(self, request: Request, body: Mapping[str, Any]) -> Reply:
        """Find the reply to a request."""
        path = request.path
        if path in self._routes:
            return _reply(self._routes[path], request)
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
            return self._chat(request, body) if request.method == "POST" else Status(405)
        return Status(self.elsewhere, DEFAULT_BODIES[self.elsewhere])

    def _chat(self, request: Request, body: Mapping[str, Any]) -> Reply:
        name = body.get("model")
        if name and name not in (self.model, *self.adapters):
            return Status(404, unknown_model(str(name), flat=self.dialect == "vllm-old"))
        refusal = usage_refusal(body) if self.refuse_usage else None
        if self.strict_roles:
            refusal = refusal or roles_refusal(body)
        if self.window is not None:
            wanted = body.get("max_completion_tokens") or body.get("max_tokens")
            refusal = refusal or window_refusal(self.dialect, self.window, count_prompt(body), wanted)
        if refusal is not None:
            return Status(400, refusal)
        return _reply(self._steps.popleft() if self._steps else self.default, request)


def _reply(step: Step, request: Request) -> Reply:
    return step(request) if callable(step) else step


def _context(tls: tuple[str, str] | ssl.SSLContext | None) -> ssl.SSLContext | None:
    if tls is None or isinstance(tls, ssl.SSLContext):
        return tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    return context
