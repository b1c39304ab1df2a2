"""Parses an inference server's `/metrics` page: its load, and how far the download of the weights is.

prometheus_client's parser rejects everything after the first malformed line; this one skips malformed lines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from kaito.util.durations import human_duration

# https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format: a name, labels, a value.
# Possessive quantifiers: matching takes linear time, whatever the page holds.
_LABELS = r'\{(?:[^"{}\n]|"(?:[^"\\\n]|\\.)*+")*+\}'
_SAMPLE = re.compile(
    rf"^(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)(?:[ \t]*+{_LABELS})?+[ \t]++(?P<value>[^\s#]++)", re.MULTILINE
)
_MAX_PAGE_BYTES = 4 * 1024 * 1024
#: Counts above this are not plausible.
_MAX_COUNT = 10**12
_MAX_GPUS = 64


class Gpu(Struct, frozen=True, kw_only=True):
    """One GPU, as the transformers runtime reports it."""

    name: str = ""
    #: Such as `25.00%`.
    load: str = ""
    #: Such as `1.00 GB`.
    memory_used: str = ""
    memory_total: str = ""


class EngineMetrics(Struct, frozen=True, kw_only=True):
    """The metrics of an inference server; `None` for those that it does not report."""

    #: Requests in progress.
    running: int | None = None
    #: Requests in the queue.
    waiting: int | None = None
    #: Share of the KV cache in use, 0 to 1.
    cache_usage: float | None = None
    #: Share of prompt tokens found in the prefix cache since the server started, 0 to 1.
    prefix_cache_hit_rate: float | None = None
    #: Mean time to the first token since the server started, in seconds.
    first_token_s: float | None = None
    #: Download rate of the weights.
    download_bytes_per_s: float | None = None
    #: Seconds until the weights are downloaded: 0 when they are, -1 when unknown.
    download_remaining_s: float | None = None
    gpus: tuple[Gpu, ...] = ()

    @property
    def reports_load(self) -> bool:
        """Whether any metric of the load is known."""
        return self.running is not None or self.waiting is not None or self.cache_usage is not None or bool(self.gpus)

    @property
    def downloading(self) -> bool:
        """Whether the weights are being downloaded."""
        if self.download_remaining_s is not None:
            return self.download_remaining_s != 0
        return bool(self.download_bytes_per_s)


def download_progress(engine: EngineMetrics) -> str:
    """Return the progress of the download, such as `120 MB/s, 3m left`; `""` when there is none."""
    if not engine.downloading:
        return ""
    speed, remaining = engine.download_bytes_per_s, engine.download_remaining_s
    parts = [f"{speed / 1e6:,.0f} MB/s"] if speed else []
    parts += [f"{human_duration(remaining)} left"] if remaining is not None and remaining >= 0 else []
    return ", ".join(parts) or "in progress"


def parse_engine_metrics(body: bytes) -> EngineMetrics:
    """Return the metrics of a page in Prometheus' text format (vLLM) or in JSON (the transformers runtime)."""
    if body.lstrip()[:1] == b"{":
        return _parse_json(body)
    return _parse_text(body[:_MAX_PAGE_BYTES].decode(errors="replace"))


def _parse_text(text: str) -> EngineMetrics:
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
    return EngineMetrics(
        running=_count(_first(samples, "vllm:num_requests_running")),
        waiting=_count(_first(samples, "vllm:num_requests_waiting")),
        # A server may run several engines: their requests add up, their cache usage is averaged.
        cache_usage=_share(sum(usage), len(usage)),
        prefix_cache_hit_rate=_prefix_cache_hit_rate(samples),
        first_token_s=_ratio(
            _sum(samples, "vllm:time_to_first_token_seconds_sum"),
            _sum(samples, "vllm:time_to_first_token_seconds_count"),
        ),
        download_bytes_per_s=speed[0] if speed and speed[0] >= 0 else None,
        download_remaining_s=remaining[0] if remaining and (remaining[0] >= 0 or remaining[0] == -1) else None,
    )


def _prefix_cache_hit_rate(samples: Mapping[str, Sequence[float]]) -> float | None:
    for name in ("vllm:prefix_cache", "vllm:gpu_prefix_cache"):
        for suffix in ("_total", ""):
            queries = _sum(samples, f"{name}_queries{suffix}")
            if queries:
                return _share(_sum(samples, f"{name}_hits{suffix}"), queries)
    rates = _first(samples, "vllm:gpu_prefix_cache_hit_rate")
    return _share(sum(rates), len(rates))


def _first(samples: Mapping[str, Sequence[float]], *names: str) -> Sequence[float]:
    """Return the values of the first name that has any."""
    return next((samples[name] for name in names if name in samples), ())


def _sum(samples: Mapping[str, Sequence[float]], name: str) -> float | None:
    values = samples.get(name)
    return None if values is None else sum(values)


def _count(values: Sequence[float]) -> int | None:
    total = sum(values)
    return int(total) if values and 0 <= total <= _MAX_COUNT else None


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


class _GpuInfo(Struct):
    name: str = ""
    load: str = ""
    memory: _Memory = msgspec.field(default_factory=_Memory)


class _TransformersMetrics(Struct):
    gpu_info: list[_GpuInfo] | None = None


def _parse_json(body: bytes) -> EngineMetrics:
    try:
        metrics = msgspec.json.decode(body, type=_TransformersMetrics)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return EngineMetrics()
    return EngineMetrics(
        gpus=tuple(
            Gpu(name=gpu.name, load=gpu.load, memory_used=gpu.memory.used, memory_total=gpu.memory.total)
            for gpu in (metrics.gpu_info or ())[:_MAX_GPUS]
        )
    )
