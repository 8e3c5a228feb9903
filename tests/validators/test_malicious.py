"""Every sample of the malicious corpus is refused, with a finding that names the cause."""

from pathlib import Path

import pytest

from tests.validators.corpus import malicious, wrapped
from tests.validators.helpers import errors, judge

SAMPLES = [*malicious.samples(), *wrapped.samples()]


def test_corpus_is_large_and_has_no_doubles() -> None:
    assert len({(sample.file, sample.data) for sample in SAMPLES}) == len(SAMPLES) >= 300


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.title)
def test_refused(sample: malicious.Sample, tmp_path: Path) -> None:
    (tmp_path / sample.file).write_bytes(sample.data)
    refused = errors(judge(tmp_path))
    assert refused
    assert all(finding.message and finding.rule for finding in refused)
