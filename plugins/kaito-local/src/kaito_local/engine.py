"""llama.cpp inside this process: starts its HTTP server for one model, and ends it."""

from __future__ import annotations

import importlib
import os
import threading
from typing import TYPE_CHECKING, Any

from kaito.errors import KaitoError

if TYPE_CHECKING:
    from pathlib import Path

#: Tokens of prompt and answer together. All that the built-in model supports; models with a shorter window get
#: theirs from llama.cpp. Not taken from the model's file: some announce windows that need gigabytes.
WINDOW = 8192
#: Prompt tokens between two looks at whether the request was given up or the server is to end. Larger batches are
#: hardly faster on a CPU, and 128 tokens take half a second on a slow one.
BATCH = 128
#: Beyond this the threads of a small model wait for each other more than they compute.
MAX_THREADS = 8


class Engine:
    """One model behind an HTTP server on a loopback port that the system chose.

    Thread-safe: `stop` may be called while another thread is still in `start`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Any = None
        self._stopped = False

    def start(self, model: Path, name: str, *, compact: bool) -> str:
        """Load `model` and return the URL of its server, which lists it as `name`.

        Blocks, and holds the interpreter's lock while llama.cpp reads the file.

        Args:
            model: a GGUF file.
            name: what the model is called towards clients.
            compact: keep a part of the conversation's state in 8 bits instead of 16. Needs a model whose attention
                heads are multiples of 32 wide.

        Raises:
            KaitoError: llama.cpp is missing or refuses the file.
        """
        try:
            # Late, as it maps 100 MB of code; by name, as it publishes no types.
            llama: Any = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise KaitoError(
                f"The engine of the local backend cannot be imported: {error}",
                "Reinstall it: python -m pip install --force-reinstall xllamacpp",
            ) from error
        try:
            server = llama.Server(_parameters(llama, model, name, compact))
            # An answer that only the server's loop can give. To end the server before its loop runs hangs for ever.
            server.handle_metrics()
            url = str(server.listening_address)
        except (RuntimeError, UnicodeError) as error:
            # Its reasons are in its log alone, which has no place to go but the terminal.
            raise KaitoError(
                f"llama.cpp cannot load {model}",
                "The file is damaged or cut short, its architecture is unknown to this version, or memory is short",
            ) from error
        with self._lock:
            if not self._stopped:
                self._server = server
        return url

    def stop(self) -> None:
        """End the server and its threads. Returns when they are gone.

        Holds the interpreter's lock until the connections that the server is busy with are closed: close them first.
        """
        with self._lock:
            self._stopped = True
            self._server = None  # the last reference: the destructor joins the threads


def _parameters(llama: Any, model: Path, name: str, compact: bool) -> Any:
    parameters = llama.CommonParams()
    # Below every level that it knows: not even errors are written to stderr.
    parameters.verbosity = -1
    parameters.model.path = str(model)
    parameters.model_alias = {name}
    parameters.hostnames = ["127.0.0.1"]
    # The server binds the port itself and tells which one it got: nobody can take it in between.
    parameters.port = 0
    # Web pages from elsewhere that a browser on this machine shows may not read the answers.
    parameters.cors_origins = "localhost"
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    # `start` asks for them.
    parameters.endpoint_metrics = True
    # Also how often it looks whether the client of a stream is still there while it reads the prompt. Its default
    # of 30 s keeps the cores busy, and the next question waiting, long after Ctrl-C.
    parameters.sse_ping_interval = 1
    parameters.n_parallel = 1
    parameters.n_ctx = WINDOW
    parameters.n_batch = parameters.n_ubatch = BATCH
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = _threads()
    # Conversations that were left are not kept, by default in up to 8 GB.
    parameters.cache_ram_mib = 0
    # A trial run would touch all pages of the file while the interpreter's lock is held; the first prompt does it
    # with the lock free.
    parameters.warmup = False
    if compact:
        # Flash attention would allow the same for the values, but on a CPU makes long prompts twice as slow.
        parameters.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.cache_type_k = llama.ggml_type.GGML_TYPE_Q8_0
    return parameters


def _threads() -> int:
    try:
        # What a container or `taskset` leaves; threads beyond it only spin.
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        usable = os.cpu_count() or 1
    return max(1, min(usable, MAX_THREADS))
