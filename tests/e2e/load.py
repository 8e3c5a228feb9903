"""A user's program: loads a model and prints as JSON what it computes and where it found it.

    python load.py ID_OR_PATH [--link|--merge ENTRY] [--revision REV] [--snapshot] [--trust]

It is run by `scripts/with-store` as somebody who may write nothing but a new home.
"""

import argparse
import json
import os
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--link", metavar="ENTRY", type=Path, action="append", default=[])
parser.add_argument("--merge", metavar="ENTRY", type=Path, action="append", default=[])
parser.add_argument("--revision")
parser.add_argument("--snapshot", action="store_true", help="ask huggingface_hub for the files")
parser.add_argument("--trust", action="store_true", help="run the model's own code")
asked = parser.parse_args()


def main(home: Path) -> None:
    """Load the model from a home directory that is new."""
    os.environ |= {"HOME": str(home), "HF_MODULES_CACHE": str(home / "modules")}
    if asked.link or asked.merge:
        os.environ["HF_HOME"] = str(home)
        fill(home / "hub")
    print(json.dumps(compute(**({"revision": asked.revision} if asked.revision else {}))))


def fill(cache: Path) -> None:
    """Link cache entries into a new cache: whole, or file by file where several share a name."""
    cache.mkdir()
    for entry in asked.link:
        (cache / entry.name).symlink_to(entry)
    for entry in asked.merge:
        subprocess.run(["cp", "-rsn", "--no-preserve=mode", entry, cache], check=True)


def compute(**options: str) -> dict[str, Any]:
    """Give the model's answer to fixed tokens, and what the client thinks of its cache."""
    # Imported now: both libraries read the environment once.
    import torch  # noqa: PLC0415
    from huggingface_hub import scan_cache_dir, snapshot_download  # noqa: PLC0415
    from transformers import AutoModel  # noqa: PLC0415

    found = snapshot_download(asked.model, **options) if asked.snapshot else None
    trust = {"trust_remote_code": True} if asked.trust else {}
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")
        model = AutoModel.from_pretrained(found or asked.model, **trust, **options)
        states = model(input_ids=torch.tensor([[5, 6, 7]])).last_hidden_state
    cached = scan_cache_dir() if "HF_HOME" in os.environ else None
    return {
        "numbers": states.flatten().tolist(),
        "class": type(model).__name__,
        "found": found,
        "warnings": [str(warning) for warning in cached.warnings] if cached else [],
        "repositories": sorted(repo.repo_id for repo in cached.repos) if cached else [],
        "user": os.getuid(),
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        main(Path(directory))
