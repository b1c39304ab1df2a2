"""Models of the hub: downloaded once, resumed, verified, and taken from the cache."""

import os
import re
import signal
import subprocess

import pytest
from loopback_hub import COMMIT, running_hub
from test_download import eventually

#: More than what huggingface_hub reads at once (10 MiB), so that a part of it can arrive.
LARGE = b"GGUF" + os.urandom(24_000_000)
SMALL = b"GGUF and more"
TOKEN = "hf_verysecret"


@pytest.fixture
def hub():
    with running_hub() as hub:
        hub.repositories["owner/tiny-GGUF"] = {
            "README.md": b"# Tiny",
            "tiny-Q8_0.gguf": SMALL,
            "tiny-Q4_K_M.gguf": LARGE,
            "big-F16/big-F16-00001-of-00002.gguf": SMALL + b"1",
            "big-F16/big-F16-00002-of-00002.gguf": SMALL + b"2",
        }
        yield hub


@pytest.fixture
def home(tmp_path):
    return tmp_path / "huggingface"


@pytest.fixture
def run(hub, home, driver, tmp_path):
    """Run the driver; return its exit code and everything that it reported."""
    for name in [name for name in os.environ if name.startswith("HF_")]:
        driver.environment[name] = ""
    driver.environment |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}

    def run(model, **environment):
        driver.report = tmp_path / f"report-{len(list(tmp_path.iterdir()))}"
        before, driver.environment = driver.environment, driver.environment | environment
        try:
            done = driver.run("hub", model)
        finally:
            driver.environment = before
        assert (done.stdout, done.stderr) == (b"", b"")
        return done.returncode

    return run


def snapshot(home):
    return home / "hub" / "models--owner--tiny-GGUF" / "snapshots" / COMMIT


def names_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download(hub, home, run, driver):
    assert run("hf.co/owner/tiny-GGUF") == 0
    [path] = driver.texts("path")
    assert path == str(snapshot(home) / "tiny-Q4_K_M.gguf")
    assert (snapshot(home) / "tiny-Q4_K_M.gguf").read_bytes() == LARGE
    [notice] = driver.texts("notice")
    assert notice == f"Downloading tiny-Q4_K_M (24 MB) from {hub.url[7:]} to {home / 'hub'}"
    assert driver.texts("status")[0] == "looking for hf.co/owner/tiny-GGUF"


def test_the_cache_is_used_without_the_hub(hub, home, run, driver):
    for model in ("hf.co/owner/tiny-GGUF", "hf.co/owner/tiny-GGUF:q4_k_m"):
        assert run(model) == 0
        assert driver.texts("path") == [str(snapshot(home) / "tiny-Q4_K_M.gguf")]
        assert len(hub.storage_requests) == 1
    before = list(hub.requests)
    assert run("hf.co/owner/tiny-GGUF", HF_HUB_OFFLINE="1") == 0
    assert driver.texts("notice") == []
    assert [path for _, path, _ in hub.requests[len(before) :] if "tiny" in path] == []


def test_what_other_programs_have_downloaded_is_used(hub, home, run, driver):
    script = "import huggingface_hub as h; h.hf_hub_download('owner/tiny-GGUF', 'tiny-Q4_K_M.gguf')"
    subprocess.run([driver.python, "-c", script], env=driver.variables(), check=True, capture_output=True)
    assert run("hf.co/owner/tiny-GGUF") == 0
    assert driver.texts("notice") == []


def test_other_programs_find_what_was_downloaded(hub, home, run, driver):
    assert run("hf.co/owner/tiny-GGUF:Q8_0") == 0
    script = "import huggingface_hub as h; print(h.try_to_load_from_cache('owner/tiny-GGUF', 'tiny-Q8_0.gguf'))"
    done = subprocess.run([driver.python, "-c", script], env=driver.variables(), check=True, capture_output=True)
    assert done.stdout.decode().strip() == driver.texts("path")[0]


def test_another_quantization_in_the_cache_is_used_only_when_the_hub_cannot_be_asked(hub, home, run, driver):
    assert run("hf.co/owner/tiny-GGUF:Q8_0") == 0
    hub.status = 503
    assert run("hf.co/owner/tiny-GGUF") == 0
    assert driver.texts("path") == [str(snapshot(home) / "tiny-Q8_0.gguf")]
    assert "HTTP status 503; using tiny-Q8_0 of the cache" in driver.texts("notice")[0]
    hub.status = None
    assert run("hf.co/owner/tiny-GGUF") == 0
    assert driver.texts("path") == [str(snapshot(home) / "tiny-Q4_K_M.gguf")]


def test_a_cut_connection_is_resumed(hub, home, run, driver):
    hub.cuts = [12_000_000, 0]
    assert run("hf.co/owner/tiny-GGUF") == 0
    assert hub.ranges() == [None, "bytes=10485760-", "bytes=10485760-"]
    assert (snapshot(home) / "tiny-Q4_K_M.gguf").read_bytes() == LARGE


def test_a_killed_download_is_resumed_at_the_next_start(hub, home, run, driver):
    hub.pause_after = 12_000_000
    process = subprocess.Popen(driver.command("hub", "hf.co/owner/tiny-GGUF"), env=driver.variables())
    assert hub.paused.wait(60)
    eventually(lambda: any("43 %" in text for text in driver.texts("status")))
    process.kill()
    process.wait()
    hub.resume.set()
    assert run("hf.co/owner/tiny-GGUF") == 0
    [first, second] = hub.ranges()
    assert first is None
    # After what had been written, which is in steps of a mebibyte: the signal may have come in the middle of a write.
    written = int(second.removeprefix("bytes=").removesuffix("-"))
    assert 0 < written < 12_000_000
    assert "of them are there" in driver.texts("notice")[0]
    assert (snapshot(home) / "tiny-Q4_K_M.gguf").read_bytes() == LARGE
    assert names_in(home / "hub" / "models--owner--tiny-GGUF" / "blobs") == [path.name for path in blobs(home)]


def blobs(home):
    return [path for path in (home / "hub" / "models--owner--tiny-GGUF" / "blobs").iterdir() if len(path.name) == 64]


def test_a_storage_that_cannot_resume_sends_everything_again(hub, home, run):
    hub.cuts = [12_000_000]
    hub.ignores_ranges = True
    assert run("hf.co/owner/tiny-GGUF") == 0
    assert (snapshot(home) / "tiny-Q4_K_M.gguf").read_bytes() == LARGE


def test_ctrl_c_ends_a_download_and_keeps_what_arrived(hub, home, run, driver):
    hub.pause_after = 12_000_000
    process = subprocess.Popen(driver.command("hub", "hf.co/owner/tiny-GGUF"), env=driver.variables())
    assert hub.paused.wait(60)
    eventually(lambda: any("43 %" in text for text in driver.texts("status")))
    process.send_signal(signal.SIGINT)
    # The hub is still silent.
    assert process.wait(30) == 130
    assert driver.texts("cancelled") == [""]
    [partial] = names_in(home / "hub" / "models--owner--tiny-GGUF" / "blobs")
    assert partial.endswith(".incomplete")


def test_a_damaged_download(hub, home, run, driver):
    hub.replaced["tiny-Q8_0.gguf"] = b"GGUF and MORE"
    assert run("hf.co/owner/tiny-GGUF:Q8_0") == 1
    [text] = driver.texts("error")
    assert "❌ Error: The download of tiny-Q8_0 is damaged\n   Checksum of tiny-Q8_0.gguf: expected " in text
    assert names_in(home / "hub" / "models--owner--tiny-GGUF" / "blobs") == []
    hub.replaced.clear()
    assert run("hf.co/owner/tiny-GGUF:Q8_0") == 0


def test_a_download_of_another_size(hub, run, driver):
    hub.replaced["tiny-Q8_0.gguf"] = SMALL[:-1]
    assert run("hf.co/owner/tiny-GGUF:Q8_0") == 4
    assert "Cannot download tiny-Q8_0 from 127.0.0.1" in driver.texts("error")[0]


def test_a_model_in_parts(hub, home, run, driver):
    assert run("hf.co/owner/tiny-GGUF:F16") == 0
    assert driver.texts("path") == [str(snapshot(home) / "big-F16" / "big-F16-00001-of-00002.gguf")]
    assert names_in(snapshot(home)) == ["big-F16-00001-of-00002.gguf", "big-F16-00002-of-00002.gguf"]
    assert [notice.partition(" (0 MB")[0] for notice in driver.texts("notice")] == [
        "Downloading big-F16 (part 1 of 2)",
        "Downloading big-F16 (part 2 of 2)",
    ]
    (snapshot(home) / "big-F16" / "big-F16-00002-of-00002.gguf").unlink()
    assert run("hf.co/owner/tiny-GGUF:F16") == 0
    assert len(names_in(snapshot(home))) == 2


def test_concurrent_downloads(hub, home, run, driver, tmp_path):
    drivers = [type(driver)(tmp_path / f"concurrent{number}") for number in range(3)]
    for one in drivers:
        one.environment = driver.environment
    processes = [subprocess.Popen(one.command("hub", "hf.co/owner/tiny-GGUF"), env=one.variables()) for one in drivers]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert hub.ranges() == [None]
    assert {one.texts("path")[0] for one in drivers} == {str(snapshot(home) / "tiny-Q4_K_M.gguf")}


def test_the_token_is_sent_to_the_hub_only_and_never_shown(hub, home, run, driver):
    hub.token = TOKEN
    assert run("hf.co/owner/tiny-GGUF:Q8_0", HF_TOKEN=TOKEN) == 0
    assert all(headers["authorization"] == f"Bearer {TOKEN}" for _, path, headers in hub.requests if "tiny" in path)
    assert [headers for _, _, headers in hub.storage_requests if "authorization" in headers] == []
    hub.status = 500
    assert run("hf.co/owner/tiny-GGUF", HF_TOKEN=TOKEN) == 0
    hub.token, hub.status = "another", None
    assert run("hf.co/owner/tiny-GGUF:Q4_K_M", HF_TOKEN=TOKEN) == 3
    assert TOKEN not in str(driver.events())


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_private_repository(hub, run, driver, token):
    hub.token = TOKEN
    assert run("hf.co/owner/tiny-GGUF", HF_TOKEN=token) == 3
    [text] = driver.texts("error")
    assert text == (
        f"❌ Error: {hub.url[7:]} has no model hf.co/owner/tiny-GGUF, or it is private\n"
        "   Check the name; for a private one, set HF_TOKEN to a valid token that may read it"
    )


def test_conditions_that_must_be_accepted(hub, run, driver):
    hub.gated.add("owner/tiny-GGUF")
    assert run("hf.co/owner/tiny-GGUF") == 5
    [text] = driver.texts("error")
    assert f"Accept them at {hub.url}/owner/tiny-GGUF" in text


def test_a_quantization_that_does_not_exist(hub, run, driver):
    assert run("hf.co/owner/tiny-GGUF:Q3_K_S") == 2
    assert driver.texts("error") == [
        "❌ Error: --model: hf.co/owner/tiny-GGUF has no quantization 'Q3_K_S'\n   It has F16, Q4_K_M, Q8_0"
    ]


def test_a_repository_without_models(hub, run, driver):
    hub.repositories["owner/other"] = {"model.safetensors": b"x"}
    assert run("hf.co/owner/other") == 2
    assert "hf.co/owner/other has no chat model in GGUF format" in driver.texts("error")[0]


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [(503, 4, "is not available"), (429, 4, "is not available"), (403, 5, "refuses"), (418, 1, "refuses")],
)
def test_a_hub_that_refuses(hub, run, driver, status, code, text):
    hub.status = status
    assert run("hf.co/owner/tiny-GGUF") == code
    [error] = driver.texts("error")
    assert text in error
    assert f"HTTP status {status}\n   out of order" in error
    assert "\x1b" not in error


def test_a_hub_that_cannot_be_reached(hub, run, driver):
    with running_hub() as gone:
        pass
    assert run("hf.co/owner/tiny-GGUF", HF_ENDPOINT=gone.url.replace("//", "//user:secret@")) == 4
    [text] = driver.texts("error")
    assert f"Cannot download hf.co/owner/tiny-GGUF from {gone.url[7:]}" in text
    assert "Connection refused" in text
    assert "secret" not in text


def test_offline_without_the_model(hub, run, driver):
    assert run("hf.co/owner/tiny-GGUF", HF_HUB_OFFLINE="1") == 4
    assert "HF_HUB_OFFLINE forbids" in driver.texts("error")[0]
    assert [path for _, path, _ in hub.requests if "tiny" in path] == []


def test_a_cache_that_cannot_be_written(hub, home, run, driver):
    home.mkdir()
    (home / "hub").write_text("a file")
    assert run("hf.co/owner/tiny-GGUF") == 1
    [text] = driver.texts("error")
    assert f"Cannot save tiny-Q4_K_M in {home / 'hub'}: Not a directory" in text
    assert "HF_HOME" in text


def test_a_full_disk(hub, home, run, driver):
    driver.environment["DRIVER_FILE_SIZE"] = "11000000"
    assert run("hf.co/owner/tiny-GGUF") == 1
    assert "Cannot save tiny-Q4_K_M" in driver.texts("error")[0]
    assert "File too large" in driver.texts("error")[0]


def test_a_disk_without_enough_space(hub, run, driver):
    driver.environment["DRIVER_FREE_SPACE"] = "70000000"
    assert run("hf.co/owner/tiny-GGUF") == 1
    assert "Not enough space for tiny-Q4_K_M: it needs 24 MB, and 70 MB are free" in driver.texts("error")[0]


def test_without_huggingface_hub(hub, run, driver):
    # Nor is there what comes with it.
    driver.environment["DRIVER_WITHOUT"] = "huggingface_hub filelock"
    assert run("hf.co/owner/tiny-GGUF") == 2
    [text] = driver.texts("error")
    assert text.startswith("❌ Error: --model hf.co/owner/tiny-GGUF: this needs the package huggingface_hub\n")
    assert re.search(r"\n +To install it: .* 'huggingface-hub<3,>=2.4'$", text)


def test_huggingface_hub_without_a_package_that_it_requires(hub, run, driver):
    driver.environment["DRIVER_WITHOUT"] = "filelock"
    assert run("hf.co/owner/tiny-GGUF") == 2
    [text] = driver.texts("error")
    assert re.search(r"needs the package huggingface_hub \(.*filelock.*\)\n", text)
