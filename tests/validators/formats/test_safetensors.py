"""The safetensors check against lying headers, honest files, and the library itself."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize

from tests.validators.formats.corpus import safetensors_files
from tests.validators.formats.corpus.case import Case, Memory
from validators.checks.safetensors import CHECK
from validators.formats.safetensors_header import problems
from validators.formats.source import Source


@pytest.mark.parametrize("case", safetensors_files.malicious(), ids=lambda case: case.id)
def test_refuses_and_names_the_cause(case: Case, tmp_path: Path) -> None:
    found = list(CHECK.run(case.model(tmp_path)))
    assert case.rule in {finding.rule for finding in found if finding.severity == "error"}
    assert all(finding.file in case.files and finding.message for finding in found)


@pytest.mark.parametrize("case", safetensors_files.benign(), ids=lambda case: case.id)
def test_accepts(case: Case, tmp_path: Path) -> None:
    assert [item for item in CHECK.run(case.model(tmp_path)) if item.severity == "error"] == []


def test_reads_the_header_only(tmp_path: Path) -> None:
    case = next(case for case in safetensors_files.benign() if case.id.endswith("5-gib"))
    model = case.model(tmp_path)
    start = time.monotonic()
    list(CHECK.run(model))
    assert time.monotonic() - start < 1


def test_content_that_its_name_hides_is_a_warning(tmp_path: Path) -> None:
    case = next(case for case in safetensors_files.benign() if case.id.endswith("as-bin"))
    (finding,) = CHECK.run(case.model(tmp_path))
    assert (finding.rule, finding.severity) == ("misnamed-safetensors", "warning")


_NUMBERS = st.integers(-1, 9) | st.just(1 << 64) | st.floats() | st.booleans()
_ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "U8", "BF16", "F4", "F6_E2M3", "XX"]),
        "shape": st.lists(_NUMBERS, max_size=2),
        "data_offsets": st.lists(st.integers(-1, 12), min_size=2, max_size=2) | st.just([0]),
    }
)
_HEADERS = st.dictionaries(st.text(max_size=2) | st.just("__metadata__"), _ENTRIES, max_size=3)


@given(_HEADERS | st.binary(max_size=40), st.binary(max_size=12), st.none() | st.integers(0, 60))
def test_refuses_whatever_the_library_refuses(
    header: object, body: bytes, length: int | None
) -> None:
    data = safetensors_files.assemble(header, body, length)
    try:
        deserialize(data)
    except SafetensorError:
        assert list(problems(_source(data))), data


def _source(data: bytes) -> Source:
    return Source("m.safetensors", Memory(data))
