"""No file that the real libraries write is refused under ``scanned``."""

from pathlib import Path

import pytest

from tests.validators.corpus import benign
from tests.validators.helpers import errors, judge

ITEMS = benign.items()


def test_corpus_is_large() -> None:
    assert len(ITEMS) >= 150


@pytest.mark.parametrize(("name", "write"), ITEMS, ids=[name for name, _ in ITEMS])
def test_not_refused(name: str, write: benign.Write, tmp_path: Path) -> None:
    write(tmp_path / name)
    assert not errors(judge(tmp_path))
