"""What an inference server's `/metrics` says: its load, and how far the download of its weights has come.

The reader is our own, and forgiving: prometheus_client's parser gives up all that follows the first line that it cannot
read, and a server that is shown half is better than one that is not shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from kaito.util.durations import human_duration

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format: a name, labels, a value.
# Possessive, so that no page takes long to read.
_LABELS = r'\{(?:[^"{}\n]|"(?:[^"\\\n]|\\.)*+")*+\}'
_SAMPLE = re.compile(
    rf"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)(?:[ \t]*+{_LABELS})?+[ \t]++(?P<value>[^\s#]++)", re.MULTILINE
)
#: Characters that are looked at.
_LONGEST = 4 * 1024 * 1024
#: Larger counts are nonsense.
_MOST = 10**12
_MOST_GPUS = 64


class Gpu(Struct, frozen=True, kw_only=True):
    """What the transformers runtime says of one GPU, in its own words."""

    name: str = ""
    #: Such as `25.00%`.
    load: str = ""
    #: Such as `1.00 GB`.
    memory_used: str = ""
    memory_total: str = ""


class Engine(Struct, frozen=True, kw_only=True):
    """What an inference server says of itself; `None` for what it does not tell."""

    #: Requests that are being answered.
    running: int | None = None
    #: Requests that wait for their turn.
    waiting: int | None = None
    #: Share of the cache for keys and values that is in use, 0 to 1.
    cache_usage: float | None = None
    #: Share of the prompts' tokens that were found in the cache since the server's start, 0 to 1.
    prefix_cache_hit_rate: float | None = None
    #: Seconds until the first token, the mean since the server's start.
    first_token_s: float | None = None
    #: Bytes per second of the weights' download.
    download_bytes_per_s: float | None = None
    #: Seconds until the weights are there; -1 when the server does not know; 0 when they are there.
    download_remaining_s: float | None = None
    gpus: tuple[Gpu, ...] = ()

    @property
    def tells_load(self) -> bool:
        """Whether there is anything to show of its load."""
        return self.running is not None or self.waiting is not None or self.cache_usage is not None or bool(self.gpus)

    @property
    def downloading(self) -> bool:
        """Whether the weights are being downloaded."""
        if self.download_remaining_s is not None:
            return self.download_remaining_s != 0
        return bool(self.download_bytes_per_s)


def download_words(engine: Engine) -> str:
    """Return how far the download of the weights is, such as `120 MB/s, 3m left`; empty when there is none."""
    if not engine.downloading:
        return ""
    speed, remaining = engine.download_bytes_per_s, engine.download_remaining_s
    told = [f"{speed / 1e6:,.0f} MB/s"] if speed else []
    told += [f"{human_duration(remaining)} left"] if remaining is not None and remaining >= 0 else []
    return ", ".join(told) or "under way"


def read_engine(body: bytes) -> Engine:
    """Return what a `/metrics` page says: Prometheus' text (vLLM) or JSON (the transformers runtime), or nothing."""
    if body.lstrip()[:1] == b"{":
        return _read_json(body)
    return _read_text(body[:_LONGEST].decode(errors="replace"))


def _read_text(text: str) -> Engine:
    samples: dict[str, list[float]] = {}
    for match in _SAMPLE.finditer(text):
        try:
            value = float(match["value"])
        except ValueError:
            continue
        if math.isfinite(value):
            samples.setdefault(match["name"], []).append(value)
    usage = _first(samples, "vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
    speed = _first(samples, "kaito_model_download_speed_bytes_per_second")
    remaining = _first(samples, "kaito_model_download_remaining_seconds")
    return Engine(
        running=_count(_first(samples, "vllm:num_requests_running")),
        waiting=_count(_first(samples, "vllm:num_requests_waiting")),
        # One server may hold several engines: their load adds up, how full they are does not.
        cache_usage=_share(sum(usage), len(usage)),
        prefix_cache_hit_rate=_hit_rate(samples),
        first_token_s=_ratio(
            _sum(samples, "vllm:time_to_first_token_seconds_sum"),
            _sum(samples, "vllm:time_to_first_token_seconds_count"),
        ),
        download_bytes_per_s=speed[0] if speed and speed[0] >= 0 else None,
        download_remaining_s=remaining[0] if remaining and (remaining[0] >= 0 or remaining[0] == -1) else None,
    )


def _hit_rate(samples: Mapping[str, Sequence[float]]) -> float | None:
    for name in ("vllm:prefix_cache", "vllm:gpu_prefix_cache"):
        for ending in ("_total", ""):
            queries = _sum(samples, f"{name}_queries{ending}")
            if queries:
                return _share(_sum(samples, f"{name}_hits{ending}"), queries)
    told = _first(samples, "vllm:gpu_prefix_cache_hit_rate")
    return _share(sum(told), len(told))


def _first(samples: Mapping[str, Sequence[float]], *names: str) -> Sequence[float]:
    """Return the values of the first name that there is."""
    return next((samples[name] for name in names if name in samples), ())


def _sum(samples: Mapping[str, Sequence[float]], name: str) -> float | None:
    values = samples.get(name)
    return None if values is None else sum(values)


def _count(values: Sequence[float]) -> int | None:
    total = sum(values)
    return int(total) if values and 0 <= total <= _MOST else None


def _ratio(part: float | None, whole: float | None) -> float | None:
    if part is None or not whole or not 0 < whole < math.inf or not 0 <= part < math.inf:
        return None
    ratio = part / whole
    return ratio if math.isfinite(ratio) else None


def _share(part: float | None, whole: float | None) -> float | None:
    ratio = _ratio(part, whole)
    return ratio if ratio is not None and ratio <= 1 else None


class _Memory(Struct):
    used: str = ""
    total: str = ""


class _Gpu(Struct):
    name: str = ""
    load: str = ""
    memory: _Memory = msgspec.field(default_factory=_Memory)


class _Machine(Struct):
    gpu_info: list[_Gpu] | None = None


def _read_json(body: bytes) -> Engine:
    try:
        machine = msgspec.json.decode(body, type=_Machine)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Engine()
    return Engine(
        gpus=tuple(
            Gpu(name=gpu.name, load=gpu.load, memory_used=gpu.memory.used, memory_total=gpu.memory.total)
            for gpu in (machine.gpu_info or ())[:_MOST_GPUS]
        )
    )
