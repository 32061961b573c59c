"""The wire between a browser and the server: keeps every byte that the browser sends, and can be cut."""

import base64
import re
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from urllib.parse import urlsplit

PIECE = 1 << 16
DEFLATE = re.compile(rb"\x78[\x01\x5e\x9c\xda]")


class Wire:
    """Forwards connections to the server at `address` and listens to one direction.

    `fuse` cuts the wire once so many more bytes have been sent; `mend` lets new connections through again.
    """

    def __init__(self, address: str) -> None:
        server = urlsplit(address)
        self._target = (server.hostname or "localhost", server.port or 80)
        self._listener = socket.create_server(("localhost", 0))
        self.address = f"http://localhost:{self._listener.getsockname()[1]}"
        self._streams: list[bytearray] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._cut = False
        self.fuse: int | None = None
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, act: Callable[..., None], *given: object) -> None:
        self._threads.append(threading.Thread(target=act, args=given, daemon=True))
        self._threads[-1].start()

    @property
    def sent(self) -> list[bytes]:
        """What the browser sent, one entry per connection."""
        return [bytes(stream) for stream in self._streams]

    def cut(self) -> None:
        """Break all connections, and refuse new ones."""
        with self._lock:
            self._cut = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._cut, self.fuse = False, None

    def close(self) -> None:
        self.cut()
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=5)
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                if self._cut:
                    browser.close()
                    continue
                server = socket.create_connection(self._target)
                stream = bytearray()
                with self._lock:
                    self._streams.append(stream)
                    self._open |= {browser, server}
                self._start(self._carry, browser, server, stream)
                self._start(self._carry, server, browser, None)

    def _carry(self, source: socket.socket, sink: socket.socket, stream: bytearray | None) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if stream is not None:
                    stream += piece
                    if self.fuse is not None:
                        self.fuse -= len(piece)
                        if self.fuse < 0:
                            self.cut()
                            return
                sink.sendall(piece)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def found_in(content: bytes, words: list[str]) -> list[str]:
    """Return those of `words` that `content` holds: as they are, in UTF-16, in base64, or inside a deflated stream."""
    contents = [content.lower(), *(inside.lower() for inside in _inflated(content))]
    return [word for word in words if any(_holds(each, content, word) for each in contents)]


def _holds(lowered: bytes, content: bytes, word: str) -> bool:
    plain = word.lower()
    if any(plain.encode(coding) in lowered for coding in ("utf-8", "utf-16-le", "utf-16-be")):
        return True
    spellings = {word, word.lower(), word.upper(), word.capitalize()}
    return any(coded in content for spelling in spellings for coded in _in_base64(spelling.encode()))


def _in_base64(word: bytes) -> Iterator[bytes]:
    """Yield what of `word` is the same in base64 wherever it begins."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + word)
        yield coded[4 if before else 0 : len(coded) - 4]


def _inflated(content: bytes) -> Iterator[bytes]:
    for start in DEFLATE.finditer(content):
        with suppress(zlib.error):
            yield zlib.decompressobj().decompress(memoryview(content)[start.start() :], 1 << 24)
