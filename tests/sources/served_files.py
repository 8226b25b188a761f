"""A real HTTP server on the loopback interface that can break off, hang, or go away."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    served = 0

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what the tests do."""


def serve_bytes(
    data: bytes,
    *,
    announce_length: bool = True,
    break_at: tuple[int, ...] = (),
    hang_at: int | None = None,
    requests: int = 1000,
) -> str:
    """Serve `data` and return its address.

    Args:
        data: the body.
        announce_length: send Content-Length; without it the body looks like a live stream.
        break_at: bytes after which the first, second, ... request is cut off.
        hang_at: bytes after which a request goes silent for 20 s.
        requests: requests answered before the server goes away.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            number = server.served
            server.served += 1
            if number >= requests:
                self.send_error(503)
                return
            self.send_response(200)
            if announce_length:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            end = break_at[number] if number < len(break_at) else len(data)
            self.wfile.write(data[: min(end, hang_at or end)])
            if hang_at is not None:
                self.wfile.flush()
                time.sleep(20)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return f"http://user:secret@127.0.0.1:{server.server_address[1]}/live/clip?token=secret"
