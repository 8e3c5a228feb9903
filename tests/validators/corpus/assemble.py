"""A pickle assembler. Payloads are inert: they would run ``true`` if anybody loaded them."""

import struct

STOP = b"."
ARGUMENT = "true"


def g(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def inst(module: str, name: str) -> bytes:
    return f"i{module}\n{name}\n".encode()


def short(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return b"\x8c" + bytes([len(data)]) + data


def binunicode(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def binunicode8(text: str) -> bytes:
    return b"\x8d" + struct.pack("<Q", len(text)) + text.encode()


def string(text: str) -> bytes:
    return f"S'{text}'\n".encode()


def unicode(text: str) -> bytes:
    return f"V{text}\n".encode()


def short_bin(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode()


def binstring(text: str) -> bytes:
    return b"T" + struct.pack("<i", len(text)) + text.encode()


def escaped(text: str) -> bytes:
    return b"V" + b"".join(b"\\u%04x" % ord(character) for character in text) + b"\n"


def hexed(text: str) -> bytes:
    return b"S'" + b"".join(b"\\x%02x" % ord(character) for character in text) + b"'\n"


STRINGS = (short, binunicode, binunicode8, string, unicode, short_bin, binstring, escaped, hexed)


def sg(module: str, name: str) -> bytes:
    return short(module) + short(name) + b"\x93"


def proto(version: int = 4) -> bytes:
    return b"\x80" + bytes([version])


def frame(size: int) -> bytes:
    return b"\x95" + struct.pack("<Q", size)


def framed(body: bytes) -> bytes:
    return proto() + frame(len(body)) + body


def call(function: bytes, argument: str = ARGUMENT) -> bytes:
    """Push the result of a call with one text argument."""
    return function + short(argument) + b"\x85R"


def payload(module: str = "os", name: str = "system") -> bytes:
    """A complete pickle that calls something."""
    return proto() + call(sg(module, name)) + STOP


OLD = b"cos\nsystem\n(S'true'\ntR."
