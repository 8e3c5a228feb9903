"""The model that the tests put into every object store, and the names that stores find hard."""

import json
import os
import random
import subprocess
from hashlib import sha256
from pathlib import Path

from common.digest import to_sri
from common.files import RemoteFile
from tests.nix import ROOT, Nix

WEIGHT_BYTES = 3 << 20
IMPATIENT = "onDownloadFailure = { maxRetries = 3; retryDelay = 0.05; }; download.stallTimeout = 5;"
# No cloud's metadata service is to be looked for on a machine that has none.
QUIET = {"AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"}
ODD = "weights and more/a b+c%20d#e&f=g äöü 模型.txt"


def safetensors(seed: int = 1) -> bytes:
    """Give a valid safetensors file of about `WEIGHT_BYTES`, always the same for a seed."""
    shape = {"dtype": "U8", "shape": [WEIGHT_BYTES], "data_offsets": [0, WEIGHT_BYTES]}
    header = json.dumps({"weight": shape}).encode()
    header += b" " * (-len(header) % 8)
    data = random.Random(seed).randbytes(WEIGHT_BYTES)
    return len(header).to_bytes(8, "little") + header + data


WEIGHTS = safetensors()
MODEL = {
    "config.json": b'{"model_type": "bert"}\n',
    "empty.txt": b"",
    "model.safetensors": WEIGHTS,
    "tokenizer/deep/er/tokenizer.json": b"{}\n",
    ODD: b"odd\n",
}
BIG = random.Random(9).randbytes(9 << 20)  # enough to be fetched in parts
MANY = {f"shards/{number:04}.json": b'{"n": %d}\n' % number for number in range(2500)}


def in_parts(path: str = "big.bin", pin: str | None = None) -> RemoteFile:
    """Give `BIG` as a lock has it, with its sha256."""
    return RemoteFile(path, len(BIG), sha256(BIG).hexdigest(), pin=pin)


def sri(content: bytes) -> str:
    """Give the hash of a content as Nix writes it."""
    return to_sri(sha256(content).hexdigest())


def lock(folder: Path, reference: str, *options: str, **environ: str) -> Path:
    """Lock a model under the name ``model`` with the real command; give the lock file."""
    path = folder / "models.lock.json"
    done = command("lock", "add", "model", reference, "--lock-file", path, *options, **environ)
    assert done.returncode == 0, done.stderr
    return path


def command(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does, with nothing of this machine's credentials."""
    done = subprocess.run(
        [str(ROOT / "nix-ai-model"), *map(str, words)],
        env={"PATH": os.environ["PATH"], "HOME": "/homeless", **QUIET, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def locked(path: Path) -> str:
    """Give the expression of the model in a lock file."""
    return f"(lib.fromLock {path}).model.override {{ {IMPATIENT} }}"


def files_at(nix: Nix, path: str) -> dict[str, bytes]:
    """Give the model's own files as they lie in a store path, by path."""
    root = nix.real(path)
    return {
        name: read(nix, root / name)
        for name in MODEL
        if (root / name).is_symlink() or (root / name).exists()
    }


def read(nix: Nix, path: Path) -> bytes:
    """Read a file of the private store, through the links that begin at ``/nix``."""
    while path.is_symlink():
        target = path.readlink()
        path = nix.real(target) if target.is_absolute() else path.parent / target
    return path.read_bytes()
