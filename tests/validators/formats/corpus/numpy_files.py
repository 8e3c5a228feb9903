"""numpy arrays with objects in them or with lying headers, and honest ones."""

import io
import struct
import zipfile

import numpy as np

from tests.validators.formats.corpus.case import Case

# A pickle that would call `posix.system` with "true"; it is never loaded.
PICKLE = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."


def assemble(
    header: str | bytes, body: bytes = b"", *, version: int = 1, length: int | None = None
) -> bytes:
    """Write an array with any header, true or not."""
    raw = header.encode("latin-1") if isinstance(header, str) else header
    code = "<H" if version == 1 else "<I"
    size = struct.pack(code, len(raw) if length is None else length)
    return b"\x93NUMPY" + bytes((version, 0)) + size + raw + body


def header(descr: str = "'<f4'", shape: str = "(2,)", order: str = "False") -> str:
    """Write a header as numpy does."""
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


BODY = b"\0" * 8
LIES: dict[str, tuple[str, bytes]] = {
    "empty": ("not-npy", b""),
    "pickle": ("not-npy", PICKLE),
    "magic-only": ("npy-version", b"\x93NUMPY"),
    "version-0": ("npy-version", assemble(header(), BODY, version=0)),
    "version-9": ("npy-version", assemble(header(), BODY, version=9)),
    "object": ("object-array", assemble(header("'|O'"), PICKLE)),
    "object-plain": ("object-array", assemble(header("'O'"), PICKLE)),
    "object-sized": ("object-array", assemble(header("'O8'"), PICKLE)),
    "object-little": ("object-array", assemble(header("'<O'"), PICKLE)),
    "object-by-name": ("object-array", assemble(header("'object'"), PICKLE)),
    "object-python": ("object-array", assemble(header("'|object_'"), PICKLE)),
    "object-field": ("object-array", assemble(header("[('a', '<f4'), ('b', '|O')]"), PICKLE)),
    "object-nested": ("object-array", assemble(header("[('a', [('b', 'O')])]"), PICKLE)),
    "object-sub-array": ("object-array", assemble(header("[('a', 'O', (2,))]"), PICKLE)),
    "object-version-2": ("object-array", assemble(header("'O'"), PICKLE, version=2)),
    "object-version-3": ("object-array", assemble(header("'O'"), PICKLE, version=3)),
    "object-escaped": ("object-array", assemble(header("'\\x4f'"), PICKLE)),
    "object-joined": ("object-array", assemble(header("'|' 'O'"), PICKLE)),
    "comma-types": ("npy-type", assemble(header("'f4,O'"), PICKLE)),
    "call": ("npy-header", assemble("__import__('os').system('true')")),
    "call-in-shape": ("npy-header", assemble(header(shape="(exit(),)"), BODY)),
    "no-dictionary": ("npy-header", assemble("[1, 2]")),
    "more-keys": (
        "npy-header",
        assemble("{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}"),
    ),
    "lacks-shape": ("npy-header", assemble("{'descr': '<f4', 'fortran_order': False}")),
    "deep": ("npy-header", assemble("(" * 60_000, version=2)),
    "long-number": ("npy-header", assemble(header(shape="(" + "9" * 9000 + ",)"))),
    "nul": ("npy-header", assemble("{\0}")),
    "header-past-end": ("lying-length", assemble(header(), length=60_000)),
    "header-huge": ("huge-header", assemble(header(), version=2, length=0xFFFFFFFF)),
    "shape-past-end": ("lying-length", assemble(header(shape="(1000,)"), BODY)),
    "shape-huge": ("lying-length", assemble(header(shape="(4611686018427387904, 4)"), BODY)),
    "shape-negative": ("npy-header", assemble(header(shape="(-1,)"), BODY)),
    "shape-float": ("npy-header", assemble(header(shape="(2.0,)"), BODY)),
    "shape-true": ("npy-header", assemble(header(shape="(True,)"), BODY)),
    "shape-list": ("npy-header", assemble(header(shape="[2]"), BODY)),
    "dimensions": ("npy-header", assemble(header(shape="(" + "1," * 200 + ")"), BODY)),
    "type-number": ("npy-type", assemble(header("4"), BODY)),
    "type-unknown": ("npy-type", assemble(header("'<z4'"), BODY)),
    "type-empty": ("npy-type", assemble(header("[]"), BODY)),
    "type-huge": ("npy-type", assemble(header("'<V9999999999'"), BODY)),
    "trailing": ("trailing-bytes", assemble(header(), BODY + PICKLE)),
}


def archive(*members: tuple[str, bytes]) -> bytes:
    """Write a zip of arrays."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


def malicious() -> list[Case]:
    """Give every array that must be refused."""
    cases = [Case(f"numpy/{name}", {"a.npy": data}, rule) for name, (rule, data) in LIES.items()]
    objects = LIES["object"][1]
    return [
        *cases,
        Case("numpy/npz", {"a.npz": archive(("b.npy", objects))}, "object-array"),
        Case("numpy/npz-odd-name", {"a.npz": archive(("b.txt", objects))}, "object-array"),
        Case(
            "numpy/npz-nested", {"a.npz": archive(("b", archive(("c", objects))))}, "object-array"
        ),
        Case("numpy/npz-pickle", {"a.npz": PICKLE}, "not-npz"),
        Case("numpy/as-bin", {"a.bin": objects}, "object-array"),
        Case("numpy/upper-case", {"A.NPY": PICKLE}, "not-npy"),
    ]


def benign() -> list[Case]:
    """Give arrays as numpy writes them."""
    record = np.zeros(3, [("a", "<f4"), ("b", "<i8", (2,)), ("c", "U5")])
    arrays = {
        "float": np.ones((3, 4), np.float32),
        "scalar": np.array(1.0),
        "empty": np.zeros((0, 5)),
        "bool": np.ones(3, bool),
        "text": np.array(["a", "bcd"]),
        "bytes": np.array([b"a", b"bcd"]),
        "complex": np.ones(3, np.complex64),
        "time": np.zeros(3, "datetime64[ns]"),
        "span": np.zeros(3, "timedelta64[25s]"),
        "record": record,
        "fortran": np.asfortranarray(np.ones((3, 4))),
        "big-endian": np.ones(3, ">f8"),
        "unicode-field": np.zeros(3, [("\u00e4\u4e2d", "<f4")]),
        "void": np.zeros(3, "V7"),
    }
    old = assemble(header(shape="(2L,)"), BODY)
    cases = [Case("numpy/python-2", {"a.npy": old})]
    for name, value in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, value)
        cases.append(Case(f"numpy/{name}", {"a.npy": buffer.getvalue()}))
    for write in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        write(buffer, **{name: value for name, value in arrays.items() if name.isalpha()})
        cases.append(Case(f"numpy/{write.__name__}", {"a.npz": buffer.getvalue()}))
    return cases
