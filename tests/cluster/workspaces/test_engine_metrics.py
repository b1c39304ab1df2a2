"""Parsing of an inference server's `/metrics` page."""

import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.cluster.workspaces.engine_metrics import EngineMetrics, Gpu, download_progress, parse_engine_metrics

VLLM = b"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="phi-4"} 2.0
vllm:num_requests_waiting{engine="0",model_name="phi-4"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="phi-4"} 0.4125
vllm:prefix_cache_queries_total{engine="0",model_name="phi-4"} 1000.0
vllm:prefix_cache_hits_total{engine="0",model_name="phi-4"} 250.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="phi-4"} 0.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="phi-4"} 4.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="phi-4"} 0.5
vllm:num_requests_running_created{engine="0"} 1.7e+09
kaito_model_download_speed_bytes_per_second 0.0
kaito_model_download_remaining_seconds 0.0
"""


def test_vllm():
    assert parse_engine_metrics(VLLM) == EngineMetrics(
        running=2,
        waiting=1,
        cache_usage=0.4125,
        prefix_cache_hit_rate=0.25,
        first_token_s=0.125,
        download_bytes_per_s=0,
        download_remaining_s=0,
    )
    assert not parse_engine_metrics(VLLM).downloading


def test_several_engines_add_up():
    text = (
        b'vllm:num_requests_running{engine="0"} 1\nvllm:num_requests_running{engine="1"} 2\n'
        b'vllm:kv_cache_usage_perc{engine="0"} 0.2\nvllm:kv_cache_usage_perc{engine="1"} 0.4\n'
    )
    engine = parse_engine_metrics(text)
    assert engine.running == 3
    assert engine.cache_usage == pytest.approx(0.3)


@pytest.mark.parametrize(
    "text",
    [
        b"vllm:gpu_cache_usage_perc 0.5\nvllm:gpu_prefix_cache_hit_rate 0.75",
        b"vllm:gpu_cache_usage_perc 0.5\nvllm:gpu_prefix_cache_queries_total 4\nvllm:gpu_prefix_cache_hits_total 3",
        b"vllm:kv_cache_usage_perc 0.5\r\nvllm:prefix_cache_queries 4\r\nvllm:prefix_cache_hits 3\r\n",
    ],
)
def test_metric_names_of_older_versions(text):
    assert parse_engine_metrics(text) == EngineMetrics(cache_usage=0.5, prefix_cache_hit_rate=0.75)


def test_malformed_lines_are_skipped():
    text = (
        b"}{ 1\nno value\nvllm:num_requests_waiting\nvllm:num_requests_waiting x\n\xff\xfe 1\n"
        b'vllm:num_requests_waiting { model_name = "a \\" } b" , } 7 1700000000000\n'
        b'vllm:num_requests_running{model_name="x"} 5 # {trace_id="1"} 0.5\n'
    )
    assert parse_engine_metrics(text) == EngineMetrics(waiting=7, running=5)


@pytest.mark.parametrize("value", [b"NaN", b"+Inf", b"-1", b"1e999", b""])
def test_implausible_values_are_ignored(value):
    names = [b"vllm:num_requests_running", b"vllm:kv_cache_usage_perc", b"vllm:prefix_cache_queries_total"]
    engine = parse_engine_metrics(
        b"".join(name + b" " + value + b"\n" for name in names) + b"vllm:prefix_cache_hits_total 2"
    )
    assert engine == EngineMetrics()
    assert not engine.reports_load


def test_the_transformers_runtime():
    gpu = {
        "id": 0,
        "name": "A100",
        "load": "25.00%",
        "temperature": "55 C",
        "memory": {"used": "1 GB", "total": "2 GB"},
    }
    body = json.dumps({"gpu_info": [gpu], "cpu_info": None}).encode()
    engine = parse_engine_metrics(body)
    assert engine == EngineMetrics(gpus=(Gpu(name="A100", load="25.00%", memory_used="1 GB", memory_total="2 GB"),))
    assert engine.reports_load
    assert parse_engine_metrics(b'{"gpu_info": null, "cpu_info": {"load_percentage": 20.0}}') == EngineMetrics()


@pytest.mark.parametrize(
    ("speed", "remaining", "words"),
    [
        ("1.2e8", "192", "120 MB/s, 3m12s left"),
        ("1.2e8", "-1", "120 MB/s"),
        ("0", "-1", "in progress"),
        ("1.2e8", "0", ""),
        ("0", "0", ""),
        ("1.2e8", "NaN", "120 MB/s"),
        ("-3", "60", "60s left"),
        ("1", "1e300", "0 MB/s, 10000y left"),
    ],
)
def test_download_progress(speed, remaining, words):
    text = f"kaito_model_download_speed_bytes_per_second {speed}\nkaito_model_download_remaining_seconds {remaining}\n"
    engine = parse_engine_metrics(text.encode())
    assert download_progress(engine) == words
    assert engine.downloading == bool(words)


@pytest.mark.parametrize(
    "body",
    [
        b"a" + b" " * 3_000_000,
        b"a{" + b"x" * 3_000_000,
        b'a{x="' + b"\\" * 3_000_001,
        b'a{x="' * 600_000,
        b"a" * 3_000_000,
        b"{" + b"[" * 3_000_000,
        b'{"gpu_info":' + b"[" * 100_000,
    ],
)
def test_large_pages_are_parsed_in_linear_time(body):
    started = time.process_time()
    assert parse_engine_metrics(body) == EngineMetrics()
    assert time.process_time() - started < 20  # a tenth of a second; in quadratic time, hours


NAMES = st.sampled_from(sorted({line.split(b"{")[0].split(b" ")[0] for line in VLLM.splitlines() if line[:1] != b"#"}))
LINES = st.tuples(NAMES, st.binary(max_size=30), st.floats() | st.integers()).map(
    lambda line: line[0] + b"{" + line[1] + b"} " + str(line[2]).encode()
)


@given(st.binary() | st.lists(LINES | st.binary(max_size=40)).map(b"\n".join) | st.binary().map(lambda x: b"{" + x))
def test_any_page_can_be_parsed(body):
    engine = parse_engine_metrics(body)
    download_progress(engine)
    for share in (engine.cache_usage, engine.prefix_cache_hit_rate):
        assert share is None or 0 <= share <= 1
    assert engine.first_token_s is None or math.isfinite(engine.first_token_s)
