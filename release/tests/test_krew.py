"""The manifest for krew, and the archive that it installs."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile

import pytest
import yaml

import kaito
from release import krew, single_file
from release.distributions import BuildError


@pytest.fixture
def archives(tmp_path):
    """An archive for each platform, of a program that is a few bytes."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    return {name: krew.pack(program, name, tmp_path) for name in single_file.PLATFORMS}


def test_the_manifest_names_each_archive_with_its_checksum(archives):
    spec = yaml.safe_load(krew.manifest(archives))["spec"]
    assert spec["version"] == f"v{kaito.__version__}"
    found = {"-".join(each["selector"]["matchLabels"].values()): each for each in spec["platforms"]}
    assert set(found) == set(single_file.PLATFORMS)
    for name, archive in archives.items():
        assert found[name]["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
        assert found[name]["uri"].endswith(f"/releases/download/v{kaito.__version__}/{archive.name}")


def test_an_archive_is_the_same_each_time(archives, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    assert krew.pack(tmp_path / "program", "linux-amd64", again).read_bytes() == archives["linux-amd64"].read_bytes()


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("version: v", "version: ", "is not v and a semantic version"),
        ("bin: kaito", "bin: kubectl-kaito", "is not among the files"),
        ("uri: https:", "uri: http:", "uri"),
        ("os: linux", "os: plan9", "selector"),
        ("from: LICENSE", "from: ../LICENSE", "leaves the folder"),
        ("name: kaito\n", "name: Kaito\n", "metadata.name"),
        ("shortDescription: ", f"shortDescription: {'x' * 50}", "shortDescription"),
        ("sha256: ", "sha256: x", "sha256"),
        ("kind: Plugin", "kind: Index", "kind"),
        ("  caveats: |", "  caveat: |", "caveat"),
        ("v1alpha2", "v1", "apiVersion"),
        ("apiVersion", "{", "not valid"),
    ],
)
def test_what_krew_refuses_is_refused(archives, right, wrong, message):
    text = krew.manifest(archives)
    assert right in text
    with pytest.raises(BuildError, match=message):
        krew.check(text.replace(right, wrong, 1))


def test_a_manifest_without_an_archive_is_refused():
    with pytest.raises(BuildError, match="there is none"):
        krew.manifest({})


def test_it_is_installed_as_krew_does_and_kubectl_runs_it(program, run, tmp_path, home):
    """Unpack the archive, compare its checksum, move the files, and link the program, as krew does."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl")
    name = single_file.this_platform()
    assert name is not None
    archive = krew.pack(program, name, tmp_path)
    [platform] = yaml.safe_load(krew.manifest({name: archive}))["spec"]["platforms"]
    assert platform["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    unpacked, store, links = tmp_path / "unpacked", tmp_path / "store", home / ".krew" / "bin"
    for folder in (unpacked, store, links):
        folder.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    for move in platform["files"]:
        shutil.move(unpacked / move["from"], store / move["to"])
    binary = store / platform["bin"]
    assert binary.stat().st_mode & stat.S_IXUSR
    (links / "kubectl-kaito").symlink_to(binary)
    (links / "kubectl_complete-kaito").symlink_to(binary)
    path = os.pathsep.join([str(links), os.path.dirname(sys.executable), os.environ["PATH"]])
    assert run(kubectl, "kaito", "--version", PATH=path).stdout == f"kaito {kaito.__version__}\n"
    helped = run(kubectl, "kaito", "--help", PATH=path).stdout
    assert "Usage:\n  kubectl kaito COMMAND [flags]" in helped
    completed = run(links / "kubectl_complete-kaito", "sta", PATH=path).stdout
    assert completed.startswith("status")
    assert subprocess.run([sys.executable, binary, "--version"], capture_output=True).returncode == 0
