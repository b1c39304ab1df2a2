"""A program that uses the backend as the shell does: an event loop on a thread, Ctrl-C on the main thread.

driver.py REPORT ACTION [MODEL] appends events to REPORT, one JSON pair on each line, and writes nothing else.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading

from kaito.errors import KaitoError


class ReportFile:
    """A reporter that appends to a file."""

    def __init__(self, path):
        self._path = path

    def add(self, kind, text):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps([kind, text]) + "\n")

    def contains(self, kind):
        with contextlib.suppress(FileNotFoundError), open(self._path, encoding="utf-8") as file:
            return any(line.startswith(f'["{kind}"') for line in file)
        return False

    def status(self, text):
        self.add("status", text)

    def retrying(self, reason, delay):
        self.add("retrying", f"{reason} {delay}")

    def notice(self, text):
        self.add("notice", text)


async def fetch(report, model):
    """Download the built-in model."""
    from kaito_local import download

    report.add("path", str(await download.built_in_model(report)))


async def hub(report, model):
    """Find or download a model of the hub."""
    from kaito_local import hub
    from kaito_local.model import chosen

    report.add("path", str(await hub.fetch(chosen(model), report)))


async def answer(report, model):
    """Send one message and report the answer."""
    async for text in _stream(report, model, max_tokens=16):
        report.add("text", text)


async def hold(report, model):
    """Report `streaming` when a long answer has begun, and continue it."""
    reported = False
    async for _ in _stream(report, model, max_tokens=8000, ignore_eos=True):
        if not reported:
            report.add("streaming", "")
            reported = True


async def _stream(report, model, **body):
    import aiohttp
    from kaito_local.backend import LocalBackend

    from kaito.types import Target

    backend = LocalBackend()
    [candidate] = await backend.discover(Target(model=model), report)
    async with backend.open(candidate, report) as endpoint, aiohttp.ClientSession() as session:
        body |= {"messages": [{"role": "user", "content": "Write a long story about a cat."}], "stream": True}
        async with session.post(f"{endpoint.url}/v1/chat/completions", json=body) as response:
            async for line in response.content:
                if line.startswith(b"data: {"):
                    for choice in json.loads(line[6:])["choices"]:
                        if text := choice["delta"].get("content"):
                            yield text


def main():
    path, action, *rest = sys.argv[1:]
    report = ReportFile(path)
    if limit := os.environ.get("DRIVER_FILE_SIZE"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    if free := os.environ.get("DRIVER_FREE_SPACE"):
        import shutil

        shutil.disk_usage = lambda path: shutil._ntuple_diskusage(0, 0, int(free))
    for missing in os.environ.get("DRIVER_WITHOUT", "").split():
        sys.modules[missing] = None  # type: ignore[assignment]
    function = {"fetch": fetch, "hub": hub, "answer": answer, "hold": hold, "exit": hold}[action]
    exits = action == "exit"
    loop = asyncio.new_event_loop()
    task = loop.create_task(function(report, rest[0] if rest else None))
    failures: list[Exception] = []
    done = threading.Event()

    def work():
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            report.add("cancelled", "")
        except KaitoError as error:
            failures.append(error)
            report.add("error", "\n".join(error.lines()))
        except Exception as error:  # such as a connection that is closed when the process exits
            failures.append(error)
            report.add("broken", repr(error))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while not done.wait(0.05):
            if exits and report.contains("streaming"):
                return 0  # without closing the backend
    except KeyboardInterrupt:
        loop.call_soon_threadsafe(task.cancel)
        done.wait()
        return 130
    return getattr(failures[0], "exit_code", 99) if failures else 0


if __name__ == "__main__":
    sys.exit(main())
