"""Runs llama.cpp's HTTP server for one model inside this process."""

from __future__ import annotations

import importlib
import os
import threading
from typing import TYPE_CHECKING, Any

from kaito.errors import KaitoError
from kaito.toolkit import install_hint

if TYPE_CHECKING:
    from pathlib import Path

    from kaito_local.tuning import Tuning

#: The context window in tokens: the maximum of the built-in model. llama.cpp shortens it for models with a smaller
#: window. The file's own value is not used, as some models announce windows that need gigabytes.
WINDOW = 8192
#: The number of prompt tokens after which llama.cpp checks whether the request was cancelled. Larger batches are hardly
#: faster on a CPU; 128 tokens take half a second on a slow one.
BATCH = 128
#: With more threads than this, a small model gets no faster: the threads wait for each other.
MAX_THREADS = 8
#: How often a thread of GNU OpenMP polls for the others before it sleeps (some microseconds), and the environment
#: variables with which a user can set this. The threads synchronize a thousand times for each token. By default they
#: poll for milliseconds: if other programs use all cores, each thread then waits for one that is not running, and a
#: token takes seconds. A smaller number is slower on idle cores. https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
_SPIN_COUNT = "1000"
_SPIN_VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


class Engine:
    """One model behind an HTTP server on a free loopback port.

    Thread-safe: `stop` may be called while another thread is in `start`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Any = None
        self._stopped = False

    def start(self, model: Path, name: str, tuning: Tuning | None = None) -> str:
        """Load `model` and return the URL of its server.

        Blocks, and holds the GIL while llama.cpp reads the file.

        Args:
            model: a GGUF file.
            name: the name of the model in the server's answers.
            tuning: of the built-in model; `None` for a model of the user, which runs as its file says.

        Raises:
            KaitoError: llama.cpp is not installed, or cannot load the file.
        """
        try:
            # Imported here, as it maps 100 MB of code.
            llama = _import_llama()
        except ImportError as error:
            raise KaitoError(
                f"Cannot import llama.cpp, which the local backend needs: {error}",
                install_hint("xllamacpp", reinstall=True),
            ) from error
        try:
            server = llama.Server(_parameters(llama, model, name, tuning))
            # Waits until the server's loop runs. Stopping the server before that would hang forever.
            server.handle_metrics()
            url = str(server.listening_address)
        except (RuntimeError, UnicodeError) as error:
            # Its log has the reason, but would be written to the terminal.
            raise KaitoError(
                f"llama.cpp cannot load {model}",
                "The file is damaged or incomplete, this version does not support its architecture, or memory is short",
            ) from error
        with self._lock:
            if not self._stopped:
                self._server = server
        return url

    def stop(self) -> None:
        """Stop the server and wait for its threads.

        Holds the GIL until the server's active connections are closed, so close them first.
        """
        with self._lock:
            self._stopped = True
            self._server = None  # the destructor joins the threads


def _import_llama() -> Any:
    """Import llama.cpp by name, as it has no types."""
    if any(name in os.environ for name in _SPIN_VARIABLES):
        return importlib.import_module("xllamacpp")
    # OpenMP reads it when it is loaded; children do not inherit it.
    os.environ[_SPIN_VARIABLES[0]] = _SPIN_COUNT
    try:
        return importlib.import_module("xllamacpp")
    finally:
        os.environ.pop(_SPIN_VARIABLES[0], None)


def _parameters(llama: Any, model: Path, name: str, tuning: Tuning | None) -> Any:
    parameters = llama.CommonParams()
    # Below all log levels: nothing is written to stderr, not even errors.
    parameters.verbosity = -1
    parameters.model.path = str(model)
    parameters.model_alias = {name}
    parameters.hostnames = ["127.0.0.1"]
    # The server binds a free port itself, so that no other program can take it.
    parameters.port = 0
    # Web pages of other origins must not read the answers.
    parameters.cors_origins = "localhost"
    parameters.ui = False
    parameters.endpoint_slots = False
    parameters.endpoint_props = False
    # `start` requests them.
    parameters.endpoint_metrics = True
    # While it reads a prompt, this is also how often the server checks whether the client disconnected. By default,
    # 30 s, it would keep computing, and the next request would wait, long after Ctrl-C.
    parameters.sse_ping_interval = 1
    parameters.n_parallel = 1
    parameters.n_ctx = WINDOW
    parameters.n_batch = parameters.n_ubatch = BATCH
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = _threads()
    # Do not cache earlier conversations, for which up to 8 GB are used by default.
    parameters.cache_ram_mib = 0
    # A warm-up would read the whole file while the GIL is held. The first prompt reads it without the GIL.
    parameters.warmup = False
    if tuning is not None:
        parameters.chat_template = tuning.template
        for parameter, value in tuning.sampling.items():
            setattr(parameters.sampling, parameter, value)
        # Attention keys in 8 bits instead of 16: the width of the model's attention heads must be a multiple of 32.
        # Compact values would need flash attention, which doubles the time of long prompts on a CPU.
        parameters.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.cache_type_k = llama.ggml_type.GGML_TYPE_Q8_0
    return parameters


def _threads() -> int:
    try:
        # The CPUs that this process may use, as a container or `taskset` limits them.
        usable = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows
        usable = os.cpu_count() or 1
    return max(1, min(usable, MAX_THREADS))
