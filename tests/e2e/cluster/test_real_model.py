"""A real, small model behind the pod: what a person gets, from the first flag to the last word."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from kaito.testing import kaito_command, run_kaito
from tests.e2e.background_process import Forward


def test_a_real_answer_through_the_cluster(namespace, terminal, monkeypatch):
    monkeypatch.setenv("KAITO_PLUGINS", "local")
    if kept := os.environ.get("KAITO_TEST_CACHE"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(Path(kept, "home").absolute()))
    with Forward("--backend", "local") as model:
        namespace.workspace("my-llama", port=urlsplit(model.url).port, preset="smollm2")
        whom = ("--kubeconfig", str(namespace.kubeconfig("admin")), "--workspace-name", "my-llama")
        # The model's port serves this machine alone.
        flags = ("chat", *whom, "--header", "Host: localhost", "--max-tokens", "24")
        session = terminal(kaito_command(*flags), columns=120)
        session.wait_for("🤖 Connected to workspace: my-llama (SmolLM2-135M-Instruct)", timeout=60)
        session.type("What is the capital of France?\n")
        # What it says is its own affair: it is a very small one.
        session.wait_for(lambda seen: re.search(r"Assistant: \w+[^>]*\n>", seen.transcript), timeout=60)
        session.type("quit\n")
        assert session.wait_exit() == 0
        outcome = run_kaito(*flags, "-o", "json", "-m", "What is the capital of France?")
        assert outcome.code == 0
        answer = json.loads(outcome.out)
        assert answer["text"]
        assert answer["model"] == "SmolLM2-135M-Instruct"
        assert 0 < answer["usage"]["completion_tokens"] <= 24
