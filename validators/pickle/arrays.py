"""Following a joblib stream over the raw arrays in it, whichever way a loader reads them.

joblib writes an array's bytes right behind the opcode that fills its ``NumpyArrayWrapper``. A
joblib of today skips an alignment in front of them, one of before 1.2 does not, and a plain
unpickler reads them as opcodes. All three ways are walked. Source: ``joblib/numpy_pickle.py``.
"""

import sys
from math import prod

from validators.pickle import opcodes as op
from validators.pickle.dtypes import OBJECT
from validators.pickle.machine import Machine
from validators.pickle.values import DATA, OPAQUE, Dtype, Global, Pickle, Use, Value, Wrapper
from validators.pickle.window import Ended, Window

FORK_OPCODES = 100_000  # read of a way that only a foreign loader would take
MAX_FORKS = 20_000
_MAX_ARRAY_BYTES = 1 << 50
_ARRAY = Global("numpy", "ndarray")
# Words that joblib writes in front of an array and that no module has for a name.
_JOBLIB_WORDS = {
    "NumpyArrayWrapper", "subclass", "ndarray", "allow_mmap", "numpy_array_alignment_bytes",
}  # fmt: skip


class ArrayMachine(Machine):
    """A machine that keeps numbers, tuples and dicts, and follows arrays.

    Args:
        window, start, fuel: as of `Machine`.
        depth: how many arrays of objects it is in.
        padded: whether it skips the alignment in front of an array, as joblib 1.2 and later do.
        explore: whether it also walks the ways that other loaders take.
    """

    def __init__(
        self,
        window: Window,
        start: int,
        fuel: int,
        depth: int = 0,
        *,
        padded: bool = True,
        explore: bool = True,
    ) -> None:
        super().__init__(window, start, fuel)
        self.deep = True
        self.forks = 0
        self.depth = depth
        self.padded = padded
        self.explore = explore

    def wrapper(self) -> Value:
        """Make the instance that stands for an array."""
        return Wrapper()

    def fill(self, wrapper: Wrapper, state: Value) -> None:
        """Take the wrapper's state, and move behind the array it describes."""
        if not isinstance(state, dict):
            self.give_up("unreadable-array", "an array whose description is no plain dictionary")
            return
        wrapper.state |= state
        self.leave_frame()
        if self.frame:
            self.straddle()  # joblib reads the array from behind the frame, and then goes on in it
        self._explore(PlainMachine, self.pos)
        self.stack[-1] = OPAQUE  # joblib puts the array there; the memo keeps the wrapper
        size = _item_size(wrapper)
        if size == OBJECT:
            self._nested(self.pos)
            return
        first = self._behind_padding(wrapper)
        count = _items(wrapper)
        if size is None or count is None or size * count > _MAX_ARRAY_BYTES:
            self.give_up("unreadable-array", "an array whose size cannot be told")
            return
        if wrapper.state.get(b"subclass") == _ARRAY:
            self.stack[-1] = DATA  # numbers: neither a name nor callable
        if first != self.pos:
            self._explore(_Unpadded, self.pos + size * count)
        self.pos = first + size * count

    def _behind_padding(self, wrapper: Wrapper) -> int:
        if not self.padded or b"numpy_array_alignment_bytes" not in wrapper.state:
            return self.pos
        length = self.window.at(self.pos, 1)
        if not length:
            raise Ended("the data ends")
        return self.pos + 1 + length[0]

    def _nested(self, start: int) -> None:
        """Walk the pickle that stands for an array of objects."""
        if self.depth:
            self.give_up("unreadable-array", "arrays of objects nested too deep to follow")
        inner = ArrayMachine(Window(self.window.source, start), start, self.fuel, self.depth + 1)
        merge(self.pickle, inner.run())
        if not inner.pickle.complete:
            raise Ended(inner.pickle.stopped)
        self.pos = inner.pos

    def _explore(self, kind: "type[PlainMachine | _Unpadded]", start: int) -> None:
        """Walk on from `start` as another loader would, with what is on the stack now."""
        head = self.window.at(start, 1)
        if not self.explore or not head or not op.known(head[0]):
            return
        self.forks += 1
        if self.forks > MAX_FORKS:
            self.give_up("too-many-opcodes", f"more than {MAX_FORKS:,} arrays")
        other = kind(Window(self.window.source, start), start, FORK_OPCODES)
        other.stack, other.marks = list(self.stack), list(self.marks)
        other.memo, other.far = list(self.memo), dict(self.far)
        other.pickle.uses = {found: Use(use.first) for found, use in self.pickle.uses.items()}
        if isinstance(other, PlainMachine):
            other.no_modules = _JOBLIB_WORDS | {found.name for found in self.pickle.uses}
        seen = other.run()
        if not seen.complete:
            # Numbers that happen to be opcodes, up to one that is none.
            seen.uses = {key: use for key, use in seen.uses.items() if use.called or _named(key)}
        merge(self.pickle, seen)


class _Unpadded(ArrayMachine):
    """Reads on as joblib before 1.2."""

    def __init__(self, window: Window, start: int, fuel: int) -> None:
        super().__init__(window, start, fuel, padded=False, explore=False)
        self.persistent = False


class PlainMachine(Machine):
    """Reads on as a plain unpickler, to which an array's bytes are opcodes."""

    no_modules: frozenset[str] | set[str] = frozenset()  # words that are no names of modules

    def wrapper(self) -> Value:
        """Make an instance, which is neither a name nor callable."""
        return DATA

    def look_closer(self) -> None:
        """Go on: what is looked up stays unknown."""

    def name(self, found: Global, offset: int) -> None:
        """Push a global; end where there is no module of its name.

        NB: the pickle of an array of objects counts its memo from nothing, so to a plain unpickler
        it refers to entries of the pickle around it: words of joblib, and names of classes.
        """
        if found.module in self.no_modules and found.module not in sys.stdlib_module_names:
            raise Ended("names a module that is a class")
        super().name(found, offset)


def merge(into: Pickle, other: Pickle) -> None:
    """Add what another walk over the same pickle saw."""
    for found, use in other.uses.items():
        known = into.uses.setdefault(found, Use(use.first))
        known.count += use.count
        known.pushed += use.pushed
        # NB: what the first walk had pushed is accounted for there; this must not outweigh it.
        known.instances += min(use.instances, use.pushed)
        known.keys += min(use.keys, use.pushed)
        known.called |= use.called
        known.looked_up += min(use.looked_up, use.pushed)
        known.owners |= use.owners
        known.constructed |= use.constructed
    into.notes += [note for note in other.notes if note not in into.notes]
    into.called |= other.called


def _named(found: Global) -> bool:
    return "<" not in f"{found.module}{found.name}"


def _item_size(wrapper: Wrapper) -> int | None:
    dtype = wrapper.state.get(b"dtype")
    return dtype.size if isinstance(dtype, Dtype) else None


def _items(wrapper: Wrapper) -> int | None:
    shape = wrapper.state.get(b"shape")
    if not isinstance(shape, tuple):
        return None
    sizes = [size for size in shape if isinstance(size, int) and 0 <= size < _MAX_ARRAY_BYTES]
    return prod(sizes) if len(sizes) == len(shape) else None
