"""A web server that receives notices."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "T0001/B0002/geheimes-wort-4711"


@dataclass(eq=False)
class Receiver:
    """A webhook of the test's own: what it received, and what it answers."""

    port: int = 0
    status: int = 200
    seconds: float = 0.0
    received: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return its address, a secret."""
        return f"http://127.0.0.1:{self.port}/services/{SECRET}"

    @property
    def events(self) -> list[str]:
        """Return the events that it received."""
        return [document["event"] for document in self.received]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a webhook that is listening."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append({**json.loads(body), "path": self.path, "login": self.headers["Authorization"]})
            time.sleep(receiver.seconds)
            self.send_response(receiver.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield receiver
        server.shutdown()
