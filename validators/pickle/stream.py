"""All pickles that follow each other in a file, and whether they are pickles at all."""

from collections.abc import Iterator

from validators.pickle.arrays import ArrayMachine, merge
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
    before: Machine | None = None
    while window.exists(start):
        machine = _walked(window, start, max(fuel, 1))
        pickle = machine.pickle
        fuel -= pickle.opcodes
        if before and (before.memo or before.far):
            machine = _again(type(machine)(window, start, max(fuel, 1)), before)
            fuel -= machine.pickle.opcodes
            merge(pickle, machine.pickle)
            if machine.pickle.complete and not pickle.complete:
                pickle.complete, pickle.end, pickle.stopped = True, machine.pickle.end, ""
        yield pickle
        if not pickle.complete:
            return
        before, start = machine, pickle.end


def _walked(window: Window, start: int, fuel: int) -> Machine:
    machine = Machine(window, start, fuel)
    try:
        machine.run()
    except Deeper:
        machine = ArrayMachine(window, start, fuel)
        machine.run()
    return machine


def _again(machine: Machine, before: Machine) -> Machine:
    """Walk a later pickle as by the unpickler of the one before.

    One unpickler that loads several pickles keeps its memo; a new one for each does not, and
    numbers memo entries otherwise. Nobody can tell which of them will be used.
    """
    machine.memo, machine.far = before.memo, before.far
    try:
        machine.run()
    except Deeper:
        machine.note("unreadable-array", "an array whose wrapper an earlier pickle names")
    return machine
