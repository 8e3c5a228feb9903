"""Telling pickles from other files whose first bytes happen to be opcodes."""

from collections.abc import Sequence

from validators.containers import is_text
from validators.pickle.values import Global, Pickle
from validators.pickle.verdicts import _danger

SAMPLE_BYTES = 4096


def is_pickle(found: Sequence[Pickle]) -> bool:
    """Whether a file is a pickle by its content: one that names itself, or that is complete and does something."""
    first = found[0] if found else None
    return first is not None and first.complete and (first.declared or bool(first.uses))


def matters(pickle: Pickle, head: bytes, *, later: bool) -> bool:
    """Whether the globals of a pickle are to be judged.

    A text can begin with ``c``, ``a`` word, a line end and another word, which is the opcode GLOBAL; an
    unpickler that reads it ends at the next word. So where a walk breaks off in plain text without having
    called anything, nothing was reached but an import.

    Args:
        pickle: that was walked.
        head: first bytes of the file.
        later: whether a complete pickle came before it.
    """
    if later or pickle.complete or pickle.declared or any(_danger(g) for g in pickle.uses):
        return bool(pickle.uses or pickle.notes)
    return pickle.called and bool(pickle.uses) and _plausible(pickle, head)


def _plausible(pickle: Pickle, head: bytes) -> bool:
    if not is_text(head[:SAMPLE_BYTES]):
        return any(_name_like(found) for found in pickle.uses)
    return any(use.called and _name_like(found) for found, use in pickle.uses.items())


def _name_like(found: Global) -> bool:
    parts = f"{found.module}.{found.name}".split(".")
    return found.name.startswith("<") or all(part.isidentifier() for part in parts)
