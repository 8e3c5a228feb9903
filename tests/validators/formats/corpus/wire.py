"""Writing protobuf messages field by field, honest or not."""

Value = int | str | bytes


def varint(number: int) -> bytes:
    """Write a number of up to 64 bits."""
    out = bytearray()
    number &= (1 << 64) - 1
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def field(number: int, value: Value, length: int | None = None) -> bytes:
    """Write one field: numbers as varints, everything else length-delimited, with any length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(raw) if length is None else length) + raw


def message(*fields: tuple[int, Value]) -> bytes:
    """Write fields one after the other."""
    return b"".join(field(number, value) for number, value in fields)
