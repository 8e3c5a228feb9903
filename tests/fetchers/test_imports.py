"""Fetching from one kind of place loads no other's client library."""

import json
import subprocess
import sys

import pytest

from fetchers.base import MODULES
from tests.nix import ROOT

HEAVY = ("azure", "boto3", "botocore", "google", "huggingface_hub", "mlflow")
_LOADED = """
import json, sys
from fetchers.base import load
load(sys.argv[1])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


@pytest.mark.parametrize("type_", sorted(MODULES))
def test_a_source_loads_no_client_library_until_it_is_used(type_: str) -> None:
    module = ROOT / (MODULES[type_].replace(".", "/") + ".py")
    if not module.exists():
        pytest.skip(f"{module.name} is not written yet")
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, type_],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not set(HEAVY) & set(json.loads(done.stdout))
