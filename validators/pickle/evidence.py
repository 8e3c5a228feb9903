"""Telling pickles from other files whose first bytes happen to be opcodes."""

from collections.abc import Sequence

from validators.containers import is_text
from validators.pickle.values import Global, Pickle
from validators.pickle.verdicts import danger


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
    where a walk breaks off in plain text, only calls count.

    Args:
        pickle: that was walked.
        head: first bytes of the file.
        later: whether a complete pickle came before it.
    """
    if not pickle.uses and not pickle.notes:
        return False
    if later or pickle.complete or pickle.declared or _hides(pickle):
        return True
    if is_text(head):
        return any(use.called and (_like_a_name(f) or danger(f)) for f, use in pickle.uses.items())
    return any(_like_a_name(found) for found in pickle.uses)


def _hides(pickle: Pickle) -> bool:
    return any(rule == "straddling-frame" for rule, _, _ in pickle.notes)


def _like_a_name(found: Global) -> bool:
    parts = f"{found.module}.{found.name}".split(".")
    return "<" in found.name or all(part.isidentifier() for part in parts)
