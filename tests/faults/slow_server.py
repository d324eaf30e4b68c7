"""A server that takes its time: what is asked gets through at once, the answer comes late."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit


class SlowAnswers:
    """A relay on the loopback before another server.

    Args:
        behind: address of the other one.
        delay: seconds by which every answer is late; may be changed at any time.
    """

    def __init__(self, behind: str, delay: float = 0.0) -> None:
        url = urlsplit(behind)
        self._behind = (url.hostname, url.port)
        self.delay = delay
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._behind)
            except OSError:
                return
            for source, sink, late in ((client, server, False), (server, client, True)):
                relay = threading.Thread(
                    target=self._relay, args=(source, sink), kwargs={"late": late}, daemon=True
                )
                relay.start()

    def _relay(self, source: socket.socket, sink: socket.socket, *, late: bool) -> None:
        try:
            while data := source.recv(2**16):
                if late:
                    time.sleep(self.delay)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # one of both has hung up
            source.close()
            sink.close()
