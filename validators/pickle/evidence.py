"""Telling pickles from other files whose first bytes happen to be opcodes."""

from collections.abc import Sequence

from validators.containers import HEAD_BYTES, is_text
from validators.pickle.values import Global, Pickle, Use
from validators.pickle.verdicts import danger
from validators.pickle.window import ENDED

STOP = b"."
_FEWEST_OPCODES = 3  # of two lines, one can pass for the argument of a single opcode
# What broken pickles name, and no text does on its second line behind a module on its first.
_CALLED = frozenset(
    {
        "system", "popen", "Popen", "spawn", "eval", "exec", "execfile", "compile", "apply",
        "__import__", "getattr", "import_module", "check_output", "check_call", "run_path", "loads",
    }
)  # fmt: skip
_PROSE = frozenset("()[]{}<>,;:!?\"'`/\\|=*")  # in no name of a module or of what is in one


def is_pickle(found: Sequence[Pickle]) -> bool:
    """Whether a file is a pickle by its content: complete, and it says so or does something.

    A text can be a complete pickle too, such as ``N.``; it does nothing.
    """
    first = found[0] if found else None
    return first is not None and first.complete and (first.declared or bool(first.uses))


def matters(pickle: Pickle, head: bytes, *, later: bool) -> bool:
    """Whether the globals of a pickle are to be judged.

    A text can begin with a line ``config`` and a second line, which is the opcode GLOBAL for a
    module ``onfig``; an unpickler that reads it ends at the next word, having called nothing. So
    where a walk breaks off in plain text, only calls count, and what is nearly one. Numbers, too,
    can begin with an opcode: where a walk breaks off in them, only what has a proper name or is
    called counts.

    Args:
        pickle: that was walked.
        head: first bytes of the file.
        later: whether a complete pickle came before it.
    """
    if not pickle.uses and not pickle.notes:
        return False
    if pickle.complete or pickle.declared or _hides(pickle):
        return True
    plausible = {found: use for found, use in pickle.uses.items() if _plausible(found, use)}
    if is_text(head) and not later:
        whole = pickle.stopped == ENDED or _nearly_all(pickle, head)
        return any(
            use.called or ((whole or found.name in _CALLED) and danger(found))
            for found, use in plausible.items()
        )
    return bool(plausible)


def _nearly_all(pickle: Pickle, head: bytes) -> bool:
    """Whether a short file is nothing but opcodes, of which the last but one fails."""
    rest = len(head) - pickle.end
    return len(head) < HEAD_BYTES and rest <= len(STOP) and pickle.opcodes >= _FEWEST_OPCODES


def _hides(pickle: Pickle) -> bool:
    return any(rule == "straddling-frame" for rule, _, _ in pickle.notes)


def _plausible(found: Global, use: Use) -> bool:
    """Whether numbers or prose can hardly have made this: it has a name, or it is called."""
    if "<" in found.name:
        return use.called
    name = f"{found.module}.{found.name}"
    if use.called:  # a module's file may have a name that no program could write
        return not any(mark.isspace() or mark in _PROSE for mark in name) and name.isprintable()
    return all(part.isidentifier() for part in name.split("."))
