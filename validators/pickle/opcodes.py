"""What each opcode does to the symbolic machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from validators.pickle import literals
from validators.pickle.dtypes import built_size, item_size
from validators.pickle.values import (
    DATA,
    INSTANCE,
    LOADED,
    OPAQUE,
    TENSOR,
    TUPLE,
    Dtype,
    Global,
    Use,
    Value,
    Wrapper,
)
from validators.pickle.window import CUT, ENDED, Ended

if TYPE_CHECKING:
    from validators.pickle.machine import Machine

HIGHEST_PROTOCOL = 5
MAX_EXTENSION = 0x7FFFFFFF
MEMOIZE, BINPUT, LONG_BINPUT, BINGET = 0x94, ord("q"), ord("r"), ord("h")
POP, MARK = ord("0"), ord("(")
SHORT_BINUNICODE, BINUNICODE = 0x8C, ord("X")
SHORT_TUPLES = b"\x85\x86\x87"
_NOT_CALLABLE = (bytes, int, tuple, dict, Dtype, Wrapper)
_MOST_KEPT = 64  # items of a tuple or dict that deep walks keep

# Opcodes that push a value that is neither name nor callable: their whole length in bytes.
_SIMPLE = {
    "N": 1, "\x88": 1, "\x89": 1, "K": 2, "M": 3, "J": 5, "G": 9,
    "]": 1, "}": 1, ")": 1, "\x8f": 1,
}  # fmt: skip
PUSH = bytes(_SIMPLE.get(chr(code), 0) for code in range(256))
# Deep walks look at numbers, tuples and dicts, so that they can follow raw arrays.
PUSH_DEEP = bytes(0 if chr(code) in "KMJ})" else PUSH[code] for code in range(256))

ARRAY_WRAPPERS = {
    Global("joblib.numpy_pickle", "NumpyArrayWrapper"),
    Global("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper"),
}
# Classes whose instances can be names: STACK_GLOBAL takes a str, and no subclass of it.
_STRINGS = {
    Global("builtins", "str"), Global("__builtin__", "str"), Global("__builtin__", "unicode"),
}  # fmt: skip
_NO_NAMES = (int, tuple, dict, Dtype, Wrapper)
_NO_MAPPINGS = (bytes, int, tuple, Dtype, Wrapper)
GETATTR = {Global("builtins", "getattr"), Global("__builtin__", "getattr")}
_PUBLIC = re.compile(rb"[A-Za-z][A-Za-z0-9_]*")
_DTYPE = Global("numpy", "dtype")
_RECORD = Global("numpy", "record")
_REBUILDING = "torch._utils"  # module of the functions that make tensors

FAST = frozenset({MEMOIZE, BINPUT, LONG_BINPUT, BINGET, POP, MARK, SHORT_BINUNICODE, BINUNICODE})

Handler = Callable[["Machine"], None]
RARE: list[Handler | None] = [None] * 256


class Stop(Exception):  # noqa: N818 - the normal end of a pickle
    """STOP was reached."""


def _opcode(*codes: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for code in codes:
            RARE[ord(code)] = handler
        return handler

    return register


def _step(m: Machine, size: int) -> bytes:
    """Read the fixed argument of the current opcode and move behind it."""
    argument = m.window.at(m.pos + 1, size)
    if len(argument) < size:
        raise Ended(ENDED)
    m.pos += 1 + size
    return argument


def _line(m: Machine) -> bytes | None:
    text, m.pos = m.window.line(m.pos + 1)
    return text


def _skip(m: Machine, size: int) -> None:
    """Move over a variable argument, which has to exist."""
    if size and not m.window.exists(m.pos + size - 1):
        raise Ended(CUT)
    m.pos += size


@_opcode(".")
def _stop(m: Machine) -> None:
    m.pos += 1
    m.pickle.result = m.stack[-1]
    raise Stop


@_opcode("\x80")
def _proto(m: Machine) -> None:
    first = m.pos == m.pickle.start
    (m.protocol,) = _step(m, 1)
    if m.protocol > HIGHEST_PROTOCOL:
        raise Ended(f"protocol {m.protocol}")
    m.pickle.declared |= first


@_opcode("\x95")
def _frame(m: Machine) -> None:
    # NB: the C unpickler only reads ahead; opcodes may straddle frames, and it goes on.
    size = int.from_bytes(_step(m, 8), "little")
    m.enter_frame(m.pos + size)


@_opcode("I")
def _int(m: Machine) -> None:
    value = literals.integer(_line(m))
    m.stack.append(value if m.deep and value is not None else DATA)


@_opcode("L")
def _long(m: Machine) -> None:
    _int(m)


@_opcode("F")
def _float(m: Machine) -> None:
    literals.real(_line(m))
    m.stack.append(DATA)


@_opcode("K", "M", "J")
def _binint(m: Machine) -> None:
    size = PUSH[m.window.at(m.pos, 1)[0]] - 1
    m.stack.append(int.from_bytes(_step(m, size), "little", signed=size == 4))  # noqa: PLR2004


@_opcode("\x8a", "\x8b")
def _binlong(m: Machine) -> None:
    wide = m.window.at(m.pos, 1) == b"\x8b"
    size = int.from_bytes(_step(m, 4 if wide else 1), "little", signed=wide)
    if size < 0:
        raise Ended("a LONG4 with a negative length")
    value = m.window.at(m.pos, size) if m.deep and size <= _MOST_KEPT else b""
    _skip(m, size)
    m.stack.append(int.from_bytes(value, "little", signed=True) if m.deep else DATA)


def _sized(width: int, *, signed: bool, text: bool) -> Handler:
    def handler(m: Machine) -> None:
        size = int.from_bytes(_step(m, width), "little", signed=signed)
        if size < 0:
            raise Ended("a string with a negative length")
        if text:
            m.text(m.pos, size)
        else:
            m.stack.append(DATA)
        _skip(m, size)

    return handler


_opcode("\x8d")(_sized(8, signed=False, text=True))  # BINUNICODE8
_opcode("U")(_sized(1, signed=False, text=True))  # SHORT_BINSTRING
_opcode("T")(_sized(4, signed=True, text=True))  # BINSTRING
_opcode("C")(_sized(1, signed=False, text=False))  # SHORT_BINBYTES
_opcode("B")(_sized(4, signed=False, text=False))  # BINBYTES
_opcode("\x8e", "\x96")(_sized(8, signed=False, text=False))  # BINBYTES8, BYTEARRAY8


@_opcode("S")
def _string(m: Machine) -> None:
    text = literals.quoted(_line(m))
    m.strings += 1
    m.stack.append(OPAQUE if text is None else text)


@_opcode("V")
def _unicode(m: Machine) -> None:
    text = literals.raw_unicode(_line(m))
    m.strings += 1
    m.stack.append(OPAQUE if text is None else text)


@_opcode("\x97")
def _next_buffer(m: Machine) -> None:
    m.pos += 1
    m.stack.append(DATA)


@_opcode("\x98")
def _readonly_buffer(m: Machine) -> None:
    m.pos += 1
    m.stack[-1] = DATA


@_opcode("2")
def _dup(m: Machine) -> None:
    m.pos += 1
    value = m.stack[-1]
    m.stack.append(value)
    if isinstance(value, Global):
        m.pickle.uses[value].pushed += 1


@_opcode("1")
def _pop_mark(m: Machine) -> None:
    m.pos += 1
    m.pop_mark()


@_opcode("p")
def _put(m: Machine) -> None:
    m.put(literals.memo_key(_line(m)), m.stack[-1])


@_opcode("g")
def _get(m: Machine) -> None:
    m.get(literals.memo_key(_line(m)))


@_opcode("j")
def _long_binget(m: Machine) -> None:
    m.get(int.from_bytes(_step(m, 4), "little"))


def _tuple_of(m: Machine, items: list[Value]) -> Value:
    return tuple(items) if m.deep and len(items) <= _MOST_KEPT else TUPLE


@_opcode("t", ")", "\x85", "\x86", "\x87")
def _tuple(m: Machine) -> None:
    code = m.window.at(m.pos, 1)[0]
    m.pos += 1
    if code == ord("t"):
        m.stack.append(_tuple_of(m, m.pop_mark()))
        return
    size = 0 if code == ord(")") else code - 0x84
    items = [m.stack.pop() for _ in range(size)][::-1]
    m.stack.append(_tuple_of(m, items))


@_opcode("l", "\x91")
def _list_or_frozenset(m: Machine) -> None:
    m.pos += 1
    m.pop_mark()
    m.stack.append(DATA)


@_opcode("}")
def _empty_dict(m: Machine) -> None:
    m.pos += 1
    m.stack.append({})


@_opcode("d")
def _dict(m: Machine) -> None:
    m.pos += 1
    items = m.pop_mark()
    m.stack.append({} if m.deep else DATA)
    _fill(m, items)


def _fill(m: Machine, items: list[Value]) -> None:
    """Set keys and values, one after the other, in what is on top of the stack."""
    target = m.stack[-1]
    for key in items[::2]:
        if key.__class__ is Global:
            m.pickle.uses[key].keys += 1
    if target is TENSOR:
        # https://nvd.nist.gov/vuln/detail/CVE-2026-24747: it corrupts torch's memory.
        m.note("changes-tensor", "sets items of a tensor as if it were a dictionary")
    if not isinstance(target, dict):
        return
    for key, value in zip(items[::2], items[1::2], strict=False):
        if isinstance(key, bytes) and len(target) < _MOST_KEPT:
            target[key] = value
        elif isinstance(key, bytes) or key in (OPAQUE, LOADED, INSTANCE):  # it can be any name
            target.update(dict.fromkeys(target, OPAQUE))


@_opcode("s")
def _setitem(m: Machine) -> None:
    m.pos += 1
    value, key = m.stack.pop(), m.stack.pop()
    _fill(m, [key, value])


@_opcode("u")
def _setitems(m: Machine) -> None:
    m.pos += 1
    items = m.pop_mark()
    _fill(m, items)


@_opcode("e", "\x90")
def _appends_or_additems(m: Machine) -> None:
    m.pos += 1
    m.pop_mark()
    m.stack[-1]


@_opcode("a")
def _append(m: Machine) -> None:
    m.pos += 1
    m.stack.pop()
    m.stack[-1]


def _decode(name: bytes) -> str:
    try:
        return name.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return name.decode("latin-1")  # what loaders with `encoding="latin1"` see


@_opcode("c")
def _global(m: Machine) -> None:
    start = m.pos
    m.name(_two_lines(m), start)


def _two_lines(m: Machine) -> Global:
    module, m.pos = m.window.line(m.pos + 1)
    name, m.pos = m.window.line(m.pos)
    try:
        return Global(_text(module), _text(name))
    except UnicodeDecodeError:
        raise Ended("a global whose name is no UTF-8") from None


def _text(line: bytes | None) -> str:
    return "<longer than 64 KiB>" if line is None else line.decode()


@_opcode("\x93")
def _stack_global(m: Machine) -> None:
    start = m.pos
    m.pos += 1
    name, module = m.stack.pop(), m.stack.pop()
    if any(
        part in (DATA, TUPLE, INSTANCE) or isinstance(part, _NO_NAMES) for part in (name, module)
    ):
        raise Ended("STACK_GLOBAL of what is no text")
    m.name(Global(_part(module), _part(name)), start)


def _part(value: Value) -> str:
    return _decode(value) if isinstance(value, bytes) else "<computed>"


@_opcode("\x82", "\x83", "\x84")
def _extension(m: Machine) -> None:
    start = m.pos
    width = {0x82: 1, 0x83: 2, 0x84: 4}[m.window.at(m.pos, 1)[0]]
    code = int.from_bytes(_step(m, width), "little")
    if not 0 < code <= MAX_EXTENSION:
        raise Ended("an extension code that cannot be")
    m.name(Global("copyreg", f"<extension {code}>"), start)


@_opcode("P", "Q")
def _persistent(m: Machine) -> None:
    if not m.persistent:
        raise Ended("a persistent id, which its loader does not take")
    if m.window.at(m.pos, 1) == b"P":
        _line(m)
    else:
        m.pos += 1
        m.stack.pop()
    m.pickle.persistent += 1
    m.stack.append(LOADED)


def _call(m: Machine, function: Value, arguments: Value, *, constructs: bool = True) -> None:
    """Note a call, and push what it gives; `constructs`: it is more than ``cls.__new__``."""
    if function in (DATA, TUPLE) or isinstance(function, _NOT_CALLABLE):
        raise Ended("calls what cannot be called")
    m.pickle.called = True
    if isinstance(function, Global):
        m.pickle.uses[function].called = True
        if function in GETATTR:
            _look_up(m, m.pickle.uses[function], arguments)
        m.pickle.uses[function].constructed |= constructs
    else:
        m.note("computed-call", "calls what an earlier call or its loader gave")
    m.stack.append(_result(m, function, arguments))


def _look_up(m: Machine, use: Use, arguments: Value) -> None:
    """Note an attribute of a class: Python 3.11.0 to 3.11.3 pickle members of enumerations so."""
    if not m.deep:
        m.look_closer()
    if not isinstance(arguments, tuple) or len(arguments) != 2:  # noqa: PLR2004 - class and name
        return
    owner, name = arguments
    if isinstance(owner, Global) and isinstance(name, bytes) and _PUBLIC.fullmatch(name):
        use.looked_up += 1
        use.owners.add(owner)


def _result(m: Machine, function: Value, arguments: Value) -> Value:
    if function in ARRAY_WRAPPERS:
        return m.wrapper()
    if isinstance(function, Global) and function.module == _REBUILDING:
        return TENSOR
    if function == _DTYPE and isinstance(arguments, tuple) and arguments:
        code = b"V0" if arguments[0] == _RECORD else arguments[0]
        return Dtype(code, item_size(code)) if isinstance(code, bytes) else OPAQUE
    return OPAQUE


@_opcode("R")
def _reduce(m: Machine) -> None:
    m.pos += 1
    arguments, function = m.stack.pop(), m.stack.pop()
    _call(m, function, arguments)


@_opcode("i")
def _inst(m: Machine) -> None:
    start = m.pos
    found = _two_lines(m)
    m.name(found, start)
    m.stack.pop()
    arguments = m.pop_mark()  # NB: Python's unpickler imports before it looks for the mark
    _call(m, found, _tuple_of(m, arguments))


@_opcode("o")
def _obj(m: Machine) -> None:
    m.pos += 1
    items = m.pop_mark()
    if not items:
        raise Ended("OBJ without a class")
    _call(m, items[0], _tuple_of(m, items[1:]))


@_opcode("\x81", "\x92")
def _newobj(m: Machine) -> None:
    keywords = m.window.at(m.pos, 1) == b"\x92"
    m.pos += 1
    if keywords:
        given = m.stack.pop()
        if isinstance(given, _NO_MAPPINGS) or (m.deep and given is DATA):
            raise Ended("NEWOBJ_EX with keywords that are no dictionary")
    arguments, cls = m.stack.pop(), m.stack.pop()
    _call(m, cls, arguments, constructs=False)
    if isinstance(cls, Global):
        m.pickle.uses[cls].instances += 1
        if m.stack[-1] is OPAQUE and cls not in _STRINGS:
            m.stack[-1] = INSTANCE


@_opcode("b")
def _build(m: Machine) -> None:
    m.pos += 1
    state = m.stack.pop()
    target = m.stack[-1]
    if isinstance(target, Global):
        m.note("changes-global", f"sets attributes of {target} itself")
    elif target is LOADED:
        m.note("changes-global", "sets attributes of what its loader gave, which can be a class")
    elif isinstance(target, Dtype):
        target.size = built_size(target, state)
        if target.size is None:
            m.note("odd-dtype", "describes an element type of numpy in a way that numpy does not")
    elif isinstance(target, Wrapper):
        m.fill(target, state)


# Opcodes with text arguments: how many lines; opcodes with others: the width of the fixed part.
_LINES = dict.fromkeys(b"ILFSVPpg", 1) | dict.fromkeys(b"ci", 2)
_WIDTHS = (
    {code: PUSH[code] - 1 for code in range(256) if PUSH[code]}
    | dict.fromkeys(b"qhUC\x8a\x8c\x82\x80", 1)
    | dict.fromkeys(b"rjTBX\x8b\x84", 4)
    | dict.fromkeys(b"\x8d\x8e\x96\x95", 8)
    | {0x83: 2}
)


def crosses(opcode: bytes, rest: int) -> bool:
    """Whether an opcode's argument goes on behind its frame, of which `rest` bytes are left."""
    if opcode[0] in _LINES:
        return opcode[1:].count(b"\n") < _LINES[opcode[0]]
    return _WIDTHS.get(opcode[0], 0) > rest


def known(code: int) -> bool:
    """Whether a byte is an opcode at all."""
    return code in FAST or bool(PUSH[code]) or RARE[code] is not None
