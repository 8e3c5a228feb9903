"""Writing FlatBuffers: a table of fields, laid out front to back, honest or not."""

from collections.abc import Sequence

Value = int | bytes | str | list["Table"] | None
Table = Sequence[Value]


def number(value: int, width: int = 4) -> bytes:
    """Write an integer."""
    return (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")


def table(fields: Table, place: int) -> bytes:
    """Write a table that will lie at `place`: its list of fields first, what it leads to behind it.

    Numbers are kept in four bytes; texts and lists of tables behind offsets.
    """
    schema = number(4 + 2 * len(fields), 2) + number(4 + 4 * len(fields), 2)
    schema += b"".join(
        number(0 if value is None else 4 + 4 * index, 2) for index, value in enumerate(fields)
    )
    schema += b"\0" * (-len(schema) % 4)
    start = place + len(schema)
    behind, own = start + 4 + 4 * len(fields), number(len(schema))
    parts = []
    for index, value in enumerate(fields):
        if value is None or isinstance(value, int):
            own += number(value or 0)
            continue
        own += number(behind - (start + 4 + 4 * index))
        parts.append(_text(value) if isinstance(value, str | bytes) else _tables(value, behind))
        behind += len(parts[-1])
    return schema + own + b"".join(parts)


def root(fields: Table, mark: bytes) -> bytes:
    """Write a whole file with its identifier."""
    body = table(fields, 8)
    place = 8 + len(number(0, 2) * 2) + 2 * len(fields)
    return number(place + -place % 4) + mark + body


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return number(len(raw)) + raw + b"\0" * (4 - len(raw) % 4)


def _tables(tables: Sequence[Table], place: int) -> bytes:
    offsets, written, behind = b"", b"", place + 4 + 4 * len(tables)
    for index, fields in enumerate(tables):
        here = behind + len(written)
        data = table(fields, here)
        target = here + 4 + 2 * len(fields) + -(4 + 2 * len(fields)) % 4
        offsets += number(target - (place + 4 + 4 * index))
        written += data
    return number(len(tables)) + offsets + written
