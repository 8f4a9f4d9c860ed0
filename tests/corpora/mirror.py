"""A server of files on loopback that misbehaves as it is told."""

import contextlib
import re
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Mirror(ThreadingHTTPServer):
    """Serves `root`; answers each request as the next of `plan` says, then well.

    Plans: "drop N" closes after N bytes of the body, "status N" answers so, "stall"
    sends nothing for a second, "whole" ignores Range, "open" is whole and gives no
    length, "shifted" sends a range that nobody asked for. `seen` are (path, Range).
    `instead` are other bytes for all files.
    """

    daemon_threads = True

    def __init__(self, root: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.plan, self.seen = root, [], []
        self.instead: bytes | None = None
        self.always = ""

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), OSError):  # a client that left is no error
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self):
        mirror = self.server
        asked = self.headers.get("Range")
        mirror.seen.append((self.path, asked))
        plan = mirror.plan.pop(0) if mirror.plan else mirror.always
        word, _, number = plan.partition(" ")
        file = mirror.root / self.path[1:]
        if word == "status" or not file.is_file():
            self.send_error(int(number or 404))
            return
        if word == "stall":
            time.sleep(1.0)
            return
        content = file.read_bytes() if mirror.instead is None else mirror.instead
        start, status = 0, 200
        if asked and word not in ("whole", "open"):
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            status = 206
        self.send_response(status)
        if status == 206:
            first = start + 1 if word == "shifted" else start
            sent = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", sent)
        if word != "open":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if word == "drop":
            body = body[: int(number)]
        with contextlib.suppress(OSError):  # the other side may have had enough
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def mirror_of(root: Path):
    """A running Mirror."""
    server = Mirror(root)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def dead_address() -> str:
    """One at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"
