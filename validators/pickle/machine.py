"""A symbolic pickle machine: moves as an unpickler does, and creates, imports and calls nothing.

It is at least as permissive as both unpicklers of CPython wherever those disagree, so whatever
global one of them reaches is seen here. Opcodes:
https://docs.python.org/3/library/pickletools.html and ``Modules/_pickle.c`` of CPython.
"""

from __future__ import annotations

from itertools import repeat

from validators.containers.limits import MAX_EFFORT
from validators.pickle import opcodes as op
from validators.pickle.values import DATA, OPAQUE, TUPLE, Global, Pickle, Use, Value, Wrapper
from validators.pickle.window import ENDED, LONGEST_NAME, Ended, Window

MAX_OPCODES = MAX_EFFORT  # a walk; keeps it under ten seconds and 256 MB
MAX_RARE = 3_000_000  # of the opcodes among them that take longer
MAX_STRINGS = 400_000  # kept in the memo; later ones are forgotten, and naming them is reported
MAX_MARKS = 200_000  # open at once
MAX_FAR = 200_000  # memo entries out of order
MAX_GLOBALS = 5_000  # different ones in one pickle
_RARE_EFFORT = 3  # how much more one of them takes than a common one
_START_EFFORT = 25  # common opcodes that could be followed while a walk begins and ends
_SMALL_STACK = 10_000
_LONGEST_STRING = 512  # bytes; no module or attribute has a longer name


class Deeper(Exception):  # noqa: N818 - a request, not an error
    """Raw arrays follow: the walk has to be done again by a machine that follows them."""


class Machine:
    """The state of one walk over one pickle."""

    def __init__(self, window: Window, start: int, fuel: int = MAX_OPCODES) -> None:
        self.window = window
        self.pos = start  # absolute offset of the next opcode
        self.stack: list[Value] = []
        self.marks: list[int] = []
        self.memo: list[Value] = []
        self.far: dict[int, Value] = {}
        self.strings = 0
        self.deep = False
        self.persistent = True  # whether its loader takes persistent ids
        self.protocol = 0
        self.frame = 0  # absolute end of the current frame; 0 outside of frames
        self.opcode = start  # absolute offset of the last opcode that took a handler
        self.pickle = Pickle(start)
        self.fuel = fuel
        self.rare = op.RARE
        self.rare_left = min(fuel, MAX_RARE)

    def run(self) -> Pickle:
        """Walk to STOP, or to where every unpickler would fail."""
        fuel = repeat(None, self.fuel)
        pickle = self.pickle
        try:
            self._loop(fuel)
            pickle.stopped = f"more than {self.fuel:,} opcodes"
            pickle.notes.append(("too-many-opcodes", pickle.stopped, self.pos))
        except op.Stop:
            pickle.complete = True
            if self.pos < self.frame:
                self.straddle()  # the next pickle begins behind the frame, whatever is left of it
        except Ended as ended:
            pickle.stopped = str(ended)
            self._check_frame()
        except IndexError:
            pickle.stopped = "takes more from the stack than there is"
        pickle.opcodes = self.fuel - fuel.__length_hint__()
        costly = min(self.fuel, MAX_RARE) - max(self.rare_left, 0)
        pickle.effort = pickle.opcodes + _RARE_EFFORT * costly + _START_EFFORT
        pickle.end = self.pos
        return pickle

    def _loop(self, fuel: repeat[None]) -> None:  # noqa: C901, PLR0912, PLR0915
        # NB: one long function on purpose: this runs once an opcode, and a call would double it.
        window, rare = self.window, self.rare
        stack, marks, memo, far = self.stack, self.marks, self.memo, self.far
        if not window.base <= self.pos < window.base + window.safe:
            window.load(self.pos)
        base, data, safe = window.base, window.data, self._safe()
        pos = self.pos - base
        push = op.PUSH_DEEP if self.deep else op.PUSH
        for _ in fuel:
            if pos >= safe:
                self.pos = base + pos
                self.leave_frame()
                if pos >= window.safe:
                    window.load(self.pos)
                    base, data, pos = window.base, window.data, 0
                    if not window.end:
                        raise Ended(ENDED)
                safe = self._safe()
            code = data[pos]
            size = push[code]
            if size:
                stack.append(DATA)
                pos += size
            elif code == op.MEMOIZE:
                value = stack[-1]
                if self.strings > MAX_STRINGS and value.__class__ is bytes:
                    value = OPAQUE
                if far:
                    self.put(len(memo) + len(far), value)
                else:
                    memo.append(value)
                pos += 1
            elif code == op.BINPUT:
                index = data[pos + 1]
                if index == len(memo) and not far and self.strings <= MAX_STRINGS:
                    memo.append(stack[-1])
                else:
                    self.put(index, stack[-1])
                pos += 2
            elif code == op.SHORT_BINUNICODE:
                size = data[pos + 1]
                self.strings += 1
                if self.strings > MAX_STRINGS and len(stack) > _SMALL_STACK:
                    stack.append(OPAQUE)
                else:
                    self.text(base + pos + 2, size)
                pos += 2 + size
            elif code == op.BINUNICODE:
                size = int.from_bytes(data[pos + 1 : pos + 5], "little")
                self.text(base + pos + 5, size)
                pos += 5 + size
            elif code == op.BINGET:
                self.get(data[pos + 1])
                pos += 2
            elif code == op.LONG_BINPUT:
                index = int.from_bytes(data[pos + 1 : pos + 5], "little")
                if index == len(memo) and not far and self.strings <= MAX_STRINGS:
                    memo.append(stack[-1])
                else:
                    self.put(index, stack[-1])
                pos += 5
            elif code == op.POP:
                if marks and marks[-1] == len(stack):
                    marks.pop()
                else:
                    stack.pop()
                pos += 1
            elif code in op.SHORT_TUPLES and not self.deep:
                del stack[len(stack) - code + 0x85 :]  # all but one
                stack[-1] = TUPLE
                pos += 1
            elif code == op.MARK:
                marks.append(len(stack))
                pos += 1
                if len(marks) > MAX_MARKS:
                    self.pos = base + pos
                    self.give_up("too-deep", f"more than {MAX_MARKS:,} marks at once")
            else:
                self.pos = self.opcode = base + pos
                self.rare_left -= 1
                if self.rare_left < 0:
                    self.give_up("too-many-opcodes", f"more than {MAX_RARE:,} costly opcodes")
                handler = rare[code]
                if handler is None:
                    raise Ended(f"0x{code:02x} is no opcode")
                handler(self)
                if not base <= self.pos < base + window.safe:
                    window.load(self.pos)
                base, data, safe = window.base, window.data, self._safe()
                pos = self.pos - base
                push = op.PUSH_DEEP if self.deep else op.PUSH
        self.pos = base + pos

    def _safe(self) -> int:
        """Give the position in the window at which the loop has to look up."""
        if not self.frame:
            return self.window.safe
        return min(self.window.safe, max(self.frame - self.window.base, 0))

    def enter_frame(self, end: int) -> None:
        """Take note of a frame that ends at an absolute offset."""
        if self.pos < self.frame < end:
            self.straddle()
        self.frame = max(self.frame, end) if self.pos < self.frame else end

    def leave_frame(self) -> None:
        """End a frame that has been read; report an opcode that went on behind its end."""
        if self.frame and self.pos >= self.frame:
            if self.pos > self.frame:
                self.straddle()
            self.frame = 0

    def _check_frame(self) -> None:
        """See whether the opcode that ended the walk is cut by the end of its frame."""
        rest = self.frame - self.opcode - 1
        if rest > 0 and op.crosses(self.window.at(self.opcode, 1 + min(rest, LONGEST_NAME)), rest):
            self.straddle()

    def straddle(self) -> None:
        """Refuse a frame that ends in the midst of something."""
        # NB: the C unpickler forgets what is left of the frame and reads on behind it; see
        # https://github.com/python/cpython/issues/154848. No pickler writes this.
        self.note("straddling-frame", "an opcode straddles the end of its frame and hides others")

    def text(self, offset: int, size: int) -> None:
        """Push a str of the pickle, kept where it is short enough to be a name."""
        self.strings += 1
        crowded = self.strings > MAX_STRINGS and len(self.stack) > _SMALL_STACK
        keep = size <= _LONGEST_STRING and not crowded
        self.stack.append(self.window.at(offset, size) if keep else OPAQUE)

    def put(self, index: int, value: Value) -> None:
        """Store into the memo, dense where it is dense."""
        if self.strings > MAX_STRINGS and value.__class__ is bytes:
            value = OPAQUE
        if index < len(self.memo):
            self.memo[index] = value
            return
        self.far[index] = value
        if len(self.far) > MAX_FAR:
            self.give_up("too-many-opcodes", f"more than {MAX_FAR:,} memo entries out of order")
        while len(self.memo) in self.far:
            self.memo.append(self.far.pop(len(self.memo)))

    def get(self, index: int) -> None:
        """Push a memo entry."""
        if index < len(self.memo):
            value = self.memo[index]
        elif index in self.far:
            value = self.far[index]
        else:
            raise Ended("a memo entry that was never made")
        self.stack.append(value)
        if value.__class__ is Global:
            self.pickle.uses.setdefault(value, Use(self.pos, count=1)).pushed += 1

    def wrapper(self) -> Value:
        """Make the instance that stands for a joblib array.

        Raises:
            Deeper: always; another machine has to walk this pickle.
        """
        raise Deeper

    def look_closer(self) -> None:
        """Ask for a machine that keeps numbers, tuples and dicts.

        Raises:
            Deeper: always; another machine has to walk this pickle.
        """
        raise Deeper

    def fill(self, wrapper: Wrapper, state: Value) -> None:
        """Take the state of such an instance, as any other."""

    def pop_mark(self) -> list[Value]:
        """Take everything above the last mark."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def name(self, found: Global, offset: int) -> None:
        """Push a global, and note that the pickle reaches it."""
        uses = self.pickle.uses
        if found not in uses:
            if len(uses) >= MAX_GLOBALS:
                self.give_up("too-many-globals", f"more than {MAX_GLOBALS:,} different globals")
            uses[found] = Use(offset)
        use = uses[found]
        use.count += 1
        use.pushed += 1
        self.stack.append(found)

    def note(self, rule: str, message: str) -> None:
        """Take down something suspicious at the current opcode, the first time it occurs."""
        if not any(rule == known for known, _, _ in self.pickle.notes):
            self.pickle.notes.append((rule, message, self.pos))

    def give_up(self, rule: str, message: str) -> None:
        """End the walk, and say that what follows was not seen."""
        self.note(rule, message)
        raise Ended(message)
