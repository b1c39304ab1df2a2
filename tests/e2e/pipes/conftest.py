"""Fixtures that run `kaito chat` in a process of its own."""

import textwrap

import pytest


@pytest.fixture
def chat(kaito, model_server):
    """Run `kaito chat` against the model server."""

    def chat(*arguments, **options):
        return kaito("chat", "--endpoint", model_server.url, *arguments, **options)

    return chat


@pytest.fixture
def plugin(tmp_path):
    """Write a plugin file and return its path."""

    def plugin(source, name="mine"):
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        return str(file)

    return plugin


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with one entry point."""

    def install(distribution, entry_point, source, *, module=None, group="kaito"):
        module = module or distribution.replace("-", "_")
        site = tmp_path / "site"
        info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{entry_point} = {module}\n")
        monkeypatch.setenv("PYTHONPATH", str(site))

    return install
