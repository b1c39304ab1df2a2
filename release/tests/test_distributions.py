"""The wheels and sdists: complete, accepted by the index, and installable from a folder."""

import configparser
import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import kaito
from docs import repository
from release import distributions

FOLDERS = distributions.folders()
NAMES = [distributions.name_of(folder) for folder in FOLDERS]
#: Made by tools, or of the repository alone.
NOT_RELEASED = re.compile(r"\.gitignore|\.git/.*")


def files_of(folder):
    """Return the names of the files that the repository has in a folder."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is not a checkout of the repository")
    return {name for name in done.stdout.splitlines() if not NOT_RELEASED.fullmatch(name)}


def only(paths):
    [path] = paths
    return path


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_the_metadata_has_urls_and_classifiers(folder):
    config = configparser.ConfigParser()
    config.read(folder / "setup.cfg", encoding="utf-8")
    metadata = config["metadata"]
    urls = dict(re.findall(r"^(\w+) = (\S+)$", metadata["project_urls"], re.MULTILINE))
    assert set(urls) == {"Changelog", "Documentation", "Issues", "Source"}
    # The address of the repository is in few places, and the same in all.
    assert [url for url in [metadata["url"], *urls.values()] if not url.startswith(repository.url())] == []
    for version in ("3.11", "3.12", "3.13", "3.14"):
        assert f"\nProgramming Language :: Python :: {version}\n" in metadata["classifiers"]


def test_the_index_would_accept_them(dist):
    files = sorted(map(str, dist.iterdir()))
    assert len(files) == 2 * len(FOLDERS)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "twine", "check", "--strict", *files], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == len(files)


@pytest.mark.parametrize(("folder", "name"), list(zip(FOLDERS, NAMES, strict=True)), ids=NAMES)
def test_an_sdist_has_what_the_repository_has(dist, folder, name):
    with tarfile.open(only(dist.glob(f"{name.replace('-', '_')}-*.tar.gz"))) as tar:
        found = {member.name.partition("/")[2] for member in tar.getmembers() if member.isfile()}
    assert files_of(folder) - found == set()
    generated = {name for name in found - files_of(folder) if ".egg-info/" not in name}
    assert generated <= {"PKG-INFO", "setup.cfg"}


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_has_the_package_alone_and_its_links_are_absolute(dist, name):
    package = name.replace("-", "_")
    with zipfile.ZipFile(only(dist.glob(f"{package}-*.whl"))) as wheel:
        names = wheel.namelist()
        [metadata] = [each for each in names if each.endswith(".dist-info/METADATA")]
        text = wheel.read(metadata).decode()
    tops = {each.partition("/")[0] for each in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {package}
    assert f"{package}/py.typed" in names
    readme = email.message_from_string(text).get_payload()
    links = [link.target for link in repository.links(str(readme)) if link.target]
    assert [target for target in links if "://" not in target] == []


def test_a_stranger_installs_from_a_folder_of_wheels_and_chats(dist, new_environment, home, run):
    python = new_environment / "python"
    # Nothing else of this name may be installed, such as a newer one of the index.
    requirement = f"kaito[rich,local]=={kaito.__version__}"
    done = run(python, "-m", "pip", "install", "-q", "--find-links", dist, "--only-binary=:all:", requirement)
    assert done.returncode == 0, done.stderr
    listed = run(new_environment / "kaito", "plugins").stdout
    assert re.search(r"^local +kaito-local ", listed, re.MULTILINE)
    assert re.search(r"^rich +kaito-rich ", listed, re.MULTILINE)
    models = home / ".cache" / "kaito" / "models"
    if (cache := os.environ.get("KAITO_TEST_CACHE")) and (kept := Path(cache, "cache", "kaito", "models")).exists():
        shutil.copytree(kept, models)
    question = "What is the capital of Italy?"
    done = run(new_environment / "kaito", "chat", "--backend", "local", "-o", "markdown", "-m", question)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Assistant: ")
    assert "Rome" in done.stdout
    assert run(new_environment / "kubectl-kaito", "--version").stdout == f"kaito {kaito.__version__}\n"
