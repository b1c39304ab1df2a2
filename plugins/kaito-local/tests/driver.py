"""Uses the backend as a shell does: an event loop on a background thread, Ctrl-C on the main thread.

driver.py REPORT ACTION [MODEL] appends what happens to REPORT, one JSON pair a line, and writes nothing else.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading
import time

from kaito.errors import KaitoError


class Report:
    def __init__(self, path):
        self._path = path

    def say(self, kind, text):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps([kind, text]) + "\n")

    def says(self, kind):
        with contextlib.suppress(FileNotFoundError), open(self._path, encoding="utf-8") as file:
            return any(line.startswith(f'["{kind}"') for line in file)
        return False

    def status(self, text):
        self.say("status", text)

    def retrying(self, reason, delay):
        self.say("retrying", f"{reason} {delay}")

    def notice(self, text):
        self.say("notice", text)


async def fetch(report, model):
    """Bring the built-in model."""
    from kaito_local import download

    report.say("path", str(await download.builtin(report)))


async def answer(report, model):
    """Ask one question and report the answer."""
    async for text in _stream(report, model, max_tokens=16):
        report.say("text", text)


async def hold(report, model):
    """Report `streaming` in the middle of a long answer, and go on with it."""
    told = False
    async for _ in _stream(report, model, max_tokens=8000, ignore_eos=True):
        if not told:
            report.say("streaming", "")
            told = True


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
    report = Report(path)
    if limit := os.environ.get("DRIVER_FILE_SIZE"):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    work_on = {"fetch": fetch, "answer": answer, "hold": hold, "leave": hold}[action]
    leave = action == "leave"
    loop = asyncio.new_event_loop()
    task = loop.create_task(work_on(report, rest[0] if rest else None))
    failures: list[Exception] = []
    done = threading.Event()

    def work():
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            report.say("cancelled", "")
        except KaitoError as error:
            failures.append(error)
            report.say("error", "\n".join(error.lines()))
        except Exception as error:  # such as a connection that is cut when the process ends
            failures.append(error)
            report.say("broken", repr(error))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while not done.wait(0.05):
            if leave and report.says("streaming"):
                return 0  # as a program would that does not clean up
    except KeyboardInterrupt:
        started = time.monotonic()
        loop.call_soon_threadsafe(task.cancel)
        done.wait()
        report.say("ended after", str(time.monotonic() - started))
        return 130
    return getattr(failures[0], "exit_code", 99) if failures else 0


if __name__ == "__main__":
    sys.exit(main())
