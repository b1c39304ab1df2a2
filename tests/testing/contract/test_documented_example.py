"""The example of docs/plugins.md, run as its reader runs it."""

import re
import subprocess
import sys

import pytest

from kaito.testing import child_environment
from kaito.testing.contract import FormatterContract
from tests.documentation import example


@pytest.fixture
def run(tmp_path):
    """Write the plugins and their tests, run them, and return the process."""

    def run(lab, extra=""):
        (tmp_path / "loud.py").write_text(example("class Loud(Formatter)"))
        (tmp_path / "lab.py").write_text(lab)
        (tmp_path / "conftest.py").write_text(example("pytest_plugins ="))
        (tmp_path / "test_contract.py").write_text(example("class TestLab(BackendContract)") + extra)
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rs",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-W",
            "error",
        ]
        environment = child_environment({"PYTHONPATH": str(tmp_path)})
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)

    return run


def test_the_example_passes(run):
    done = run(example("class Lab(Backend)"))
    assert re.search(r"^\d\d passed, 1 skipped in", done.stdout, re.MULTILINE), done.stdout
    assert "make_hanging_backend is not defined" in done.stdout


def test_a_fault_is_named(run):
    source = example("class Lab(Backend)").replace("        yield", '        print("opening")\n        yield')
    done = run(source)
    assert (
        "AssertionError: a backend must not write to stdout or stderr by itself, and wrote 'opening\\n'" in done.stdout
    )
    assert done.returncode == 1


def test_what_does_not_apply_is_left_out(run):
    done = run(
        example("class Lab(Backend)"),
        '    not_applicable = {"test_it_reconnects": "it never breaks"}\n\n'
        'class TestWrong(TestLoud):\n    not_applicable = {"test_nothing": "it does not exist"}\n',
    )
    assert "it never breaks" in done.stdout
    assert "not_applicable names 'test_nothing', and there is no such test" in done.stdout


@pytest.mark.parametrize("test", [name for name in vars(FormatterContract) if name.startswith("test_")])
def test_the_csv_formatter_keeps_all_promises(test):
    namespace = {}
    exec(compile(example("class Csv(Formatter)"), "csv.py", "exec"), namespace)

    class Contract(FormatterContract):
        def make_formatter(self, screen, settings):
            return namespace["Csv"](screen, settings)

    getattr(Contract(), test)()
