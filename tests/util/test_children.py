"""Other programs: their environment, and how a wait for them ends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kaito.util.children import child_environment, read_output
from tests.controlplane.waiting import until

#: A program that is killed must not be one whose coverage is measured: it would leave half a file.
UNMEASURED = {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def test_environment_without_secrets():
    environ = {"PATH": "/bin", "KAITO_API_KEY": "sesame", "A": "1"}
    environ |= {"KAITO_HEADER": "Authorization: sesame", "KAITO_CHAT_HEADER": '["X-Team: a", "Cookie: sesame"]'}
    # Flags of plugins and of one command have variables, too.
    environ |= {"KAITO_EXTRA_BODY": '{"api_key": "sesame"}', "KAITO_CHAT_EXTRA_BODY": '{"a": "sesame"}'}
    environ |= {
        "KAITO_AUTH_TOKEN": "sesame",
        "KAITO_CHAT_HUB_PASSWORD": "sesame",
        "KAITO_FIELDS": '{"token": "sesame"}',
    }
    environ |= {"KAITO_ENDPOINT": "http://a/?key=sesame", "KAITO_LAB_ENDPOINT": "http://u:sesame@a"}
    kept = {"KAITO_API_KEY_FILE": "key", "KAITO_MAX_TOKENS": "7", "KAITO_PROFILE": "p", "KAITO_PLUGINS": "a"}
    kept |= {"KAITO_SYSTEM_PROMPT": "@terse.md", "KAITO_NAMESPACE": "n"}
    # Those of other programs are theirs.
    kept |= {"PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "HF_TOKEN": "y"}
    assert child_environment({**environ, **kept}, {"A": "2", "B": "3"}) == {**kept, "A": "2", "B": "3"}


def test_every_child_process_gets_the_filtered_environment():
    # Whoever starts a program names its environment, and takes it from here.
    root = Path(__file__).parents[2]
    words = ("Popen(", "subprocess.run", "create_subprocess", "os.system(", "os.exec", "os.spawn")
    starting = set()
    for source in [*(root / "kaito").rglob("*.py"), *(root / "plugins").glob("*/src/**/*.py")]:
        name, text = source.relative_to(root).as_posix(), source.read_text()
        if not name.startswith("kaito/testing/") and any(word in text for word in words):
            starting.add(name)
            assert "child_environment" in text, name
    assert starting == {"kaito/util/children.py", "kaito/shell/input/external_editor.py"}


def python(code, *, cancel_after=None, receive=None, **options):
    """Run a program, and return its exit code and output."""
    output = bytearray()

    async def run():
        async with asyncio.timeout(cancel_after):
            return await read_output([sys.executable, "-c", code], UNMEASURED, receive or output.extend, **options)

    return asyncio.run(run()), bytes(output)


def test_output_and_exit_code():
    assert python("import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr); sys.exit(3)") == (
        3,
        b"out\nerr\n",
    )


def test_a_signal_is_a_negative_exit_code():
    assert python("import os; os.kill(os.getpid(), 9)") == (-9, b"")


def test_stderr_of_its_own():
    assert python("import sys; print('err', file=sys.stderr)", stderr=subprocess.DEVNULL) == (0, b"")


def test_a_program_that_does_not_exist():
    with pytest.raises(FileNotFoundError):
        asyncio.run(read_output(["/nowhere/program"], {}, bytes))


@pytest.mark.parametrize(("arguments", "environ"), [(["a\0b"], {}), ([], {"a": "b\0"})])
def test_arguments_that_the_system_refuses(arguments, environ):
    with pytest.raises(ValueError, match="null byte"):
        asyncio.run(read_output([sys.executable, *arguments], environ, bytes))


def test_a_receiver_that_has_enough_ends_the_program():
    def receive(data):
        raise OverflowError

    with pytest.raises(OverflowError):
        python("while True: print('x' * 1000)", receive=receive)


STUBBORN = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; "


@pytest.mark.parametrize(
    "code",
    [
        "import time; time.sleep(600)",
        STUBBORN + "print(); time.sleep(600)",
        "import os, time; os.close(1); time.sleep(600)",
        "import subprocess; subprocess.run(['sleep', '600'])",
        "import subprocess; subprocess.Popen(['sleep', '600'])",
        "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)",
    ],
)
@pytest.mark.parametrize("delay", [0.0, 0.5])
def test_cancelling_ends_the_program_soon(code, delay, tmp_path):
    pid = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        python(f"import os; open({str(pid)!r}, 'w').write(str(os.getpid()))\n{code}", cancel_after=delay)
    assert time.monotonic() - began < 60
    if pid.exists() and (text := pid.read_text()):
        until(lambda: not Path(f"/proc/{text}").exists(), "the program has ended")


def test_cancelling_twice_ends_the_program(tmp_path):
    pid = tmp_path / "pid"
    code = f"import os; open({str(tmp_path / 'new')!r}, 'w').write(str(os.getpid())); {STUBBORN}os.rename({str(tmp_path / 'new')!r}, {str(pid)!r}); time.sleep(600)"

    async def run():
        task = asyncio.create_task(read_output([sys.executable, "-c", code], UNMEASURED, bytes))
        await asyncio.to_thread(until, pid.exists, "the program ignores signals")
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.05)
        await asyncio.wait([task])

    asyncio.run(run())
    until(lambda: not Path(f"/proc/{pid.read_text()}").exists(), "the program has ended")


#: Its own process, as that of the tests has other children.
MANY = """
import asyncio, os, sys
from kaito.util.children import read_output

async def run():
    for delay in range(40):
        task = asyncio.create_task(read_output([sys.executable, "-c", "pass"], os.environ, bytes))
        await asyncio.sleep(delay / 2000)
        task.cancel()
        await asyncio.wait([task])

asyncio.run(run())
try:
    while os.waitid(os.P_ALL, 0, os.WEXITED):
        print("a program was left")
except ChildProcessError:
    pass
"""


def test_many_that_are_cancelled_while_they_start():
    done = subprocess.run([sys.executable, "-c", MANY], env=UNMEASURED, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_keyboards_signals_do_not_reach_it():
    code = "import os, sys; print(os.getpgrp() == os.getpid())"
    assert python(code) == (0, b"True\n")
    assert python(code, interactive=True) == (0, b"False\n")
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
