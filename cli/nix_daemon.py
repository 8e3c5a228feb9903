"""Adding a file to the store through Nix's worker protocol, which reads it only once.

``nix-store --add-fixed`` hashes a file three times and reads it twice. A daemon (``nix-daemon
--stdio`` serves a store of the user's own, or passes on to the machine's daemon) is told name and
method, takes the bytes as they come, and answers with the store path of what it saw.

Source: https://nix.dev/manual/nix/latest/protocols/ and ``src/libstore/worker-protocol.hh``
"""

import fcntl
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import IO

from common.digest import CHUNK_BYTES
from common.errors import ModelError
from common.secrets import mask

_MAGIC_CLIENT, _MAGIC_DAEMON = 0x6E697863, 0x6478696F
_MAJOR, _MINOR, _OLDEST_MINOR = 1, 35, 25  # wopAddToStore takes any content since 1.25 (Nix 2.4)
_FRAME_BYTES = 1 << 20  # what the daemon takes at a time
_PIPE_BYTES = 1 << 20  # the most that an ordinary user may ask for
_ADD_TO_STORE = 7
_NEXT, _LAST, _ERROR = 0x6F6C6D67, 0x616C7473, 0x63787470
_START, _STOP, _RESULT = 0x53545254, 0x53544F50, 0x52534C54
_LONGEST_TEXT = 1 << 20  # bytes; anything longer is not this protocol


class UnspokenError(Exception):
    """This Nix does not speak the protocol as it is known here; there is another way."""


def add_flat(path: Path, name: str) -> str:
    """Add a file under a name and its sha256; give its store path.

    Args:
        path: the file.
        name: its store name.

    Raises:
        UnspokenError: nothing was added; use the command.
        ModelError: Nix refuses, for example because the disk is full.
    """
    try:
        daemon = subprocess.Popen(
            ["nix-daemon", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise UnspokenError from error
    try:
        return _Connection(daemon).add_flat(path, name)
    except (BrokenPipeError, EOFError, struct.error) as error:
        raise UnspokenError from error
    finally:
        daemon.kill()
        daemon.communicate()


class _Connection:
    def __init__(self, daemon: "subprocess.Popen[bytes]") -> None:
        if daemon.stdin is None or daemon.stdout is None:
            raise UnspokenError
        self._out: IO[bytes] = daemon.stdin
        if sys.platform == "linux":
            fcntl.fcntl(self._out, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._in: IO[bytes] = daemon.stdout
        self._numbers(_MAGIC_CLIENT)
        if self._number() != _MAGIC_DAEMON:
            raise UnspokenError
        major, minor = divmod(self._number(), 256)
        self._minor = min(minor, _MINOR)
        if major != _MAJOR or self._minor < _OLDEST_MINOR:
            raise UnspokenError
        self._numbers(_MAJOR * 256 + _MINOR, 0, 0)  # no CPU affinity, no reserved space
        if self._minor >= 33:  # noqa: PLR2004 - protocol versions are best read as numbers
            self._text()  # Nix's version
        if self._minor >= 35:  # noqa: PLR2004
            self._number()  # whether we are trusted: nothing here needs it
        self._until_last()

    def add_flat(self, path: Path, name: str) -> str:
        self._out.write(struct.pack("<Q", _ADD_TO_STORE) + _string(name) + _string("fixed:sha256"))
        self._numbers(0, 0)  # no references, no repair
        with path.open("rb", buffering=0) as file:
            left = os.fstat(file.fileno()).st_size
            while left:
                count = min(left, _FRAME_BYTES)
                self._numbers(count)
                self._send(file, count)
                left -= count
        self._numbers(0)
        self._until_last()
        return self._text()

    def _send(self, file: IO[bytes], count: int) -> None:
        """Send the next bytes of a file."""
        if sys.platform != "linux":
            while count:
                chunk = file.read(min(count, CHUNK_BYTES))
                self._out.write(chunk)
                count -= len(chunk)
            return
        # Linux moves pages from the file's cache to a pipe without copying them.
        while count:
            sent = os.sendfile(self._out.fileno(), file.fileno(), None, count)
            if not sent:
                raise EOFError
            count -= sent

    # --- words of the protocol

    def _numbers(self, *values: int) -> None:
        self._out.write(struct.pack(f"<{len(values)}Q", *values))
        self._out.flush()

    def _number(self) -> int:
        value: int = struct.unpack("<Q", self._in.read(8))[0]
        return value

    def _text(self) -> str:
        length = self._number()
        if length > _LONGEST_TEXT:
            raise UnspokenError
        return self._in.read(length + -length % 8)[:length].decode("utf-8", "replace")

    def _fields(self) -> None:
        for _ in range(self._number()):
            self._text() if self._number() else self._number()

    def _until_last(self) -> None:
        """Read what the daemon has to say until it is done.

        Raises:
            ModelError: with its words, when it refuses.
        """
        while (kind := self._number()) != _LAST:
            if kind == _NEXT:
                self._text()
            elif kind == _START:
                self._numbers_in(3)
                self._text()
                self._fields()
                self._number()
            elif kind == _STOP:
                self._number()
            elif kind == _RESULT:
                self._numbers_in(2)
                self._fields()
            elif kind == _ERROR:
                raise self._error()
            else:
                raise UnspokenError

    def _numbers_in(self, count: int) -> None:
        for _ in range(count):
            self._number()

    def _error(self) -> ModelError:
        if self._minor >= 26:  # noqa: PLR2004
            self._text()
            self._number()
            self._text()
        said = mask(self._text()).strip().splitlines()
        return ModelError("Nix refuses the file", said[0] if said else None, "nix-ai-model doctor")


def _string(text: str) -> bytes:
    data = os.fsencode(text)
    return struct.pack("<Q", len(data)) + data + b"\0" * (-len(data) % 8)
