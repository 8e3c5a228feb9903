"""What a reader in use would load is refused, and by the name of what it would call."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from joblib.numpy_pickle import NumpyUnpickler

from tests.validators.corpus import evasive
from tests.validators.helpers import errors, judge

# What joblib needs to get to an array's bytes, and beyond.
REAL = {"NumpyArrayWrapper", "ndarray", "dtype", "str", "str_"}


def reached(sample: evasive.Evasive) -> set[str]:
    """What the unpickler asks for, over the bytes that the reader gives it; nothing is called."""
    asked = set()

    class Recorder(sample.unpickler):
        def find_class(self, module: str, name: str) -> Any:
            asked.add(f"{module}.{name}")
            return super().find_class(module, name) if name in REAL else lambda *_: None

        def persistent_load(self, _: Any) -> None:
            """Take whatever torch would."""

    with suppress(Exception):
        stream = sample.read(sample.data)
        unpickler = Recorder(*[""] * (sample.unpickler is NumpyUnpickler), stream)
        for _ in range(sample.pickles):
            unpickler.load()
    return asked


@pytest.mark.parametrize("sample", evasive.samples(), ids=lambda sample: sample.title)
def test_what_a_reader_reaches_is_named(sample: evasive.Evasive, tmp_path: Path) -> None:
    assert "os.system" in reached(sample)
    (tmp_path / sample.file).write_bytes(sample.data)
    refused = errors(judge(tmp_path))
    assert any("os.system" in finding.trigger or finding.rule in NAMELESS for finding in refused)


# Of these archives and arrays only the oddity is told: readers disagree about what is in them.
NAMELESS = {"lying-header", "unreadable", "unreadable-array"}
