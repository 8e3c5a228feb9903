"""All pickles that follow each other in a file, and whether they are pickles at all."""

from collections.abc import Iterator

from validators.pickle.arrays import ArrayMachine
from validators.pickle.machine import MAX_OPCODES, Deeper, Machine
from validators.pickle.values import Pickle
from validators.pickle.window import Source, Window


def pickles(source: Source, start: int = 0, fuel: int = MAX_OPCODES) -> Iterator[Pickle]:
    """Walk the pickles that follow each other from `start` on.

    The last one is the one that does not reach its STOP: bytes that are no pickle, or one that
    breaks off. Nothing is given for an empty rest.

    Args:
        source: the bytes.
        start: absolute offset of the first pickle.
        fuel: opcodes that may be read in all.
    """
    window = Window(source, start)
    first = start
    while window.exists(start):
        pickle = _one(window, start, max(fuel, 1), later=start != first)
        yield pickle
        if not pickle.complete:
            return
        fuel -= pickle.opcodes
        start = pickle.end


def _one(window: Window, start: int, fuel: int, *, later: bool) -> Pickle:
    machine = Machine(window, start, fuel)
    machine.later = later
    try:
        return machine.run()
    except Deeper:
        machine = ArrayMachine(window, start, fuel)
        machine.later = later
        return machine.run()
