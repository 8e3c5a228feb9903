"""The GGUF check against lying headers and files of the library."""

import time
from pathlib import Path

import gguf
import pytest

from tests.validators.formats.corpus import gguf_files
from tests.validators.formats.corpus.case import Case
from validators.checks.gguf import CHECK
from validators.formats.gguf_types import BLOCKS


@pytest.mark.parametrize("case", gguf_files.malicious(), ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(CHECK.run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}


@pytest.mark.parametrize("case", gguf_files.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    start = time.monotonic()
    assert [item for item in CHECK.run(case.model(tmp_path)) if item.severity == "error"] == []
    assert time.monotonic() - start < 1  # NB: one of them has 5 GiB


def test_block_sizes_are_those_of_the_library() -> None:
    sizes = {int(kind): size for kind, size in gguf.GGML_QUANT_SIZES.items()}
    assert sizes == {kind: size for kind, size in BLOCKS.items() if kind in sizes}
