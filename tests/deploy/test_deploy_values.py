"""The values of `kaito deploy`'s flags."""

import os
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaito.subcommands.deploy import deploy_values as values
from kaito.subcommands.deploy.deploy_values import Adapter, InferenceConfig


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        (values.workspace, "my-llama", "my-llama"),
        (values.workspace, "inferenceset/my-set", "inferenceset/my-set"),
        (values.workspace, "workspace/my-llama", "my-llama"),
        (values.model, "phi-4", "phi-4"),
        (values.model, "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B-Instruct"),
        (values.instance_type, "Standard_NC24ads_A100_v4", "Standard_NC24ads_A100_v4"),
        (values.instance_type, "p4d.24xlarge", "p4d.24xlarge"),
        (values.name, "hf-token", "hf-token"),
        (values.whole_number(0, 9), "0", 0),
        (values.whole_number(0, 9), "9", 9),
        (values.adapter, "sql=reg.io:5000/a/b:1", Adapter("sql", "reg.io:5000/a/b:1")),
        (values.adapter, "sql=reg.io/a@sha256:0a,0.5", Adapter("sql", "reg.io/a@sha256:0a", "0.5")),
        (values.adapter, "sql=a,1", Adapter("sql", "a", "1")),
        (values.labels, "pool=gpu", {"pool": "gpu"}),
        (values.labels, "a.b/pool=gpu,empty=", {"a.b/pool": "gpu", "empty": ""}),
        (values.inference_config, "my-params", InferenceConfig(name="my-params")),
    ],
)
def test_values(parse, value, expected):
    assert parse(value) == expected


@pytest.mark.parametrize(
    ("parse", "bad"),
    [
        (values.workspace, ["", "My", "-a", "a-", "a.b", "a" * 64, "inferenceset/", "workspaces/a", "a\n"]),
        (values.model, ["", "a b", "a/b/c", "/a", "a/", "-a", "a" * 201, "a\x1b[31m", "ä"]),
        (values.instance_type, ["", "a b", "a/b", "a\n"]),
        (values.name, ["", "A", "a_b", "a..b", "a/b"]),
        (values.whole_number(1, 9), ["", "0", "10", "1.0", "-1", "+1", "nan", "1e1", "٣", " 1", "9" * 5000]),
        (
            values.adapter,
            ["", "a", "a=", "=b", "A=b", "a=b,", "a=b,2", "a=b,-1", "a=b,nan", "a=b,inf", "a=b c", "a=b,0.5,1"],
        ),
        (values.labels, ["", "a", "=b", "a=b,", "a=b c", "a b=c", "a/b/c=d", f"a={'b' * 64}", "-a=b"]),
        (values.inference_config, ["", "A", "no/such/file", "no.yaml", "a\0/b"]),
    ],
)
def test_bad_values(parse, bad):
    for value in bad:
        with pytest.raises(ValueError, match=r"^(is not|cannot be read)"):
            parse(value)


@given(st.text())
@pytest.mark.parametrize(
    "parse", [values.workspace, values.model, values.adapter, values.labels, values.name, values.whole_number(1, 5)]
)
def test_any_text_is_taken_or_refused(parse, value):
    with suppress(ValueError):
        parse(value)


def test_a_file_with_settings(tmp_path):
    file = tmp_path / "vllm.yaml"
    file.write_text("\ufeffvllm:\n  max-model-len: 2048\n", encoding="utf-8")
    assert values.inference_config(str(file)) == InferenceConfig(text="vllm:\n  max-model-len: 2048\n")


def test_a_file_of_an_unknown_user():
    with pytest.raises(ValueError, match=r"^cannot be read: "):
        values.inference_config("~nobody-here/vllm.yaml")


@pytest.mark.skipif(sys.platform == "win32", reason="no FIFOs")
def test_a_pipe_without_a_writer_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ValueError, match="cannot be read: no program writes into this pipe"):
        values.inference_config(str(tmp_path / "pipe.yaml"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", "is not a mapping in YAML: expected object, got array"),
        (b"", "is not a mapping in YAML"),
        (b"a: [\n", "is not a mapping in YAML: it is not valid YAML"),
        (b"\xff\xfea", "is not UTF-8 text"),
        (b"a: '" + b"x" * 1_100_000 + b"'", "cannot be read: it is larger than 1000 KiB"),
        (b"a: &a [x, x, x, x, x, x, x, x]\n" + b"b: &b [*a, *a, *a]\n" + b"[" * 5000, "is not a mapping in YAML"),
    ],
)
def test_a_file_that_is_no_settings(tmp_path, content, message):
    file = tmp_path / "bad.yml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match="^" + message):
        values.inference_config(str(file))
