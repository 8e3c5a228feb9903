"""A user's program: loads a model and prints as JSON what it computes and where it found it.

    python load.py ID_OR_PATH [--link ENTRY] [--revision REV] [--snapshot] [--trust]

It is run by `scripts/with-store` as somebody who may write nothing but a new home.
"""

import argparse
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("--link", metavar="ENTRY", action="append", help="link it into a new cache")
parser.add_argument("--revision")
parser.add_argument("--snapshot", action="store_true", help="ask huggingface_hub for the files")
parser.add_argument("--trust", action="store_true", help="run the model's own code")
asked = parser.parse_args()


def main(home: Path) -> None:
    """Load the model from a home directory that is new."""
    os.environ |= {"HOME": str(home), "HF_MODULES_CACHE": str(home / "modules")}
    for entry in asked.link or ():
        cache = Path(os.environ.setdefault("HF_HOME", str(home / "cache")), "hub")
        cache.mkdir(parents=True, exist_ok=True)
        (cache / Path(entry).name).symlink_to(entry)
    print(json.dumps(compute(**({"revision": asked.revision} if asked.revision else {}))))


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
