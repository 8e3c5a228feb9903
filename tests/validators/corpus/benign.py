"""Benign files, made by the real libraries."""

import argparse
import collections
import datetime as dt
import gzip
import io
import pathlib
import pickle
import tarfile
import uuid
import zipfile
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import safetensors.numpy
import torch
from torch import nn

Write = Callable[[Path], object]
Item = tuple[str, Write]

TEXTS = (
    "cat\ndog\nbird\n", "config\nvalue\n", "Very nice\ncats\nand dogs\nRun\n", "N.\n", "].", "}.",
    "import os\nos.system('true')\n", "cos\nsin\ntan\n", "code\nrun\n(see below)\n", "0.5 0.25\n",
    "P(x)\nQ(x)\n", "I like it.\n", "I1\nF1.0\nN\n.", "S'quoted'\nand more", '{"a": 1}', "[]",
    "# A model card\n\nOf a model.\n", "(a, b)\nthe end", "c\n\n", "csubprocess\nis a word\n",
    "Vocabulary\nfoo\nbar\n", "tokens\nare\nhere", "g1\np1\n", "id\nname\n", "xyz\n", "x^2\n",
    "BZh is a word", "ZF0x", "PK is not a zip", "#hashtag", "MZ is a name", "%PDF text", "l.", "d.",
)  # fmt: skip


def texts() -> Iterator[Item]:
    for number, text in enumerate(TEXTS):
        yield f"text{number}.txt", lambda path, text=text: path.write_text(text)


def plain() -> Iterator[Item]:
    values: dict[str, Any] = {
        "dict": {"a": [1, 2.5, None, True], "b": (1, "x"), "ü": b"\0\xff"},
        "numbers": [1 << 70, -1, 1.5, 2 + 3j, Decimal("1.5")],
        "sets": [{1, 2}, frozenset("ab"), bytearray(b"xyz")],
        "dates": [dt.datetime.now(dt.UTC), dt.date(2026, 1, 2), dt.timedelta(1)],
        "collections": [collections.OrderedDict(a=1), collections.Counter("aab")],
        "others": [uuid.UUID(int=5), pathlib.PurePosixPath("a/b"), argparse.Namespace(lr=1e-3)],
        "default": collections.defaultdict(list, {"a": [1]}),
        "long": ["x" * 100_000, list(range(10_000)), {str(i): i for i in range(5000)}],
    }  # fmt: skip
    for title, value in values.items():
        for protocol in range(6):
            yield (
                f"{title}{protocol}.pkl",
                lambda path, v=value, p=protocol: path.write_bytes(pickle.dumps(v, p)),
            )


def numpy_files() -> Iterator[Item]:
    for dtype in ("?", "i1", "u2", "<i4", ">i8", "f2", "f4", "f8", "c16", "U5", "S3", "M8[s]"):
        array = np.zeros((3, 4), dtype)
        yield (
            f"{dtype.strip('<>?').replace('[s]', '') or 'b'}.npy",
            lambda p, a=array: np.save(p, a),
        )
        yield (
            f"{dtype.strip('<>?').replace('[s]', '') or 'b'}.pkl",
            lambda p, a=array: p.write_bytes(pickle.dumps(a, 4)),
        )
    yield "zeros.npz", lambda path: np.savez_compressed(path, a=np.zeros(1_000_000))
    yield "stored.npz", lambda path: np.savez(path, a=np.arange(10), b=np.ones((2, 2)))
    yield "scalars.pkl", lambda path: path.write_bytes(pickle.dumps([np.float32(1), np.int64(2)]))
    yield "objects.npy", lambda path: np.save(path, np.array([1, "a", None], object))
    yield "fortran.npy", lambda path: np.save(path, np.asfortranarray(np.eye(5)))
    yield "records.pkl", lambda path: path.write_bytes(pickle.dumps(np.zeros(3, "i4,f8")))


def joblib_files() -> Iterator[Item]:
    value = {
        "x": np.arange(1000.0),
        "names": np.array(["a", "bb"], object),
        "text": np.array(["aä", "b"]),
        "empty": np.zeros((0, 3)),
        "same": [np.ones(3)] * 3,
    }
    for method in ("zlib", "gzip", "bz2", "xz", "lzma"):
        yield f"{method}.joblib", lambda p, m=method: joblib.dump(value, p, compress=(m, 3))
    for protocol in range(2, 6):
        yield f"plain{protocol}.joblib", lambda p, v=protocol: joblib.dump(value, p, protocol=v)
    big = [np.random.default_rng(seed).random((50, 7)) for seed in range(60)]
    yield "many.joblib", lambda path: joblib.dump(big, path)


def torch_files() -> Iterator[Item]:
    tensors = {
        str(dtype).split(".")[1]: torch.ones(3, 2).to(dtype)
        for dtype in (
            torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.uint8,
            torch.int16, torch.int32, torch.int64, torch.bool, torch.complex64,
        )
    }  # fmt: skip
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Linear(4, 2))
    values: dict[str, Any] = {name: {"w": tensor} for name, tensor in tensors.items()}
    values |= {
        "all": tensors,
        "state": model.state_dict(),
        "layers": model,
        "lstm": nn.LSTM(3, 4, 2, bidirectional=True),
        "transformer": nn.TransformerEncoderLayer(8, 2),
        "parameter": nn.Parameter(torch.ones(2)),
        "sparse": torch.eye(4).to_sparse(),
        "csr": torch.eye(4).to_sparse_csr(),
        "quantized": torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8),
        "nested": {"a": [{"b": torch.ones(1)}], "epoch": 3, "args": argparse.Namespace(x=1)},
        "random": {"cpu": torch.get_rng_state(), "numpy": np.random.RandomState(1).get_state()},
        "fp8": {"w": torch.ones(4).to(torch.float8_e4m3fn)},
        "size": {"size": torch.Size([1, 2]), "device": torch.device("cpu"), "dtype": torch.half},
        "shared": [torch.arange(10)[2:5], torch.arange(10).reshape(2, 5).t()],
    }
    for optimizer in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam"):
        values[f"optim-{optimizer}"] = _trained(getattr(torch.optim, optimizer))
    for name, value in values.items():
        # NB: the legacy format hands the classes of whole modules through persistent ids, where
        # nobody can tell what becomes of them; those files are refused.
        for new in (True,) if isinstance(value, nn.Module) else (True, False):
            yield (
                f"{name}-{'zip' if new else 'legacy'}.pt",
                lambda p, v=value, n=new: torch.save(v, p, _use_new_zipfile_serialization=n),
            )


def _trained(kind: type[torch.optim.Optimizer]) -> dict[str, Any]:
    layer = nn.Linear(3, 1)
    optimizer = kind(layer.parameters(), lr=0.1)
    for _ in range(2):
        layer(torch.ones(1, 3)).sum().backward()
        optimizer.step()
    return {"optimizer": optimizer.state_dict(), "model": layer.state_dict()}


def archives() -> Iterator[Item]:
    yield "docs.zip", _zip
    yield "docs.tar", lambda path: _tar(path, "w")
    yield "docs.tar.gz", lambda path: _tar(path, "w:gz")
    yield "docs.tar.xz", lambda path: _tar(path, "w:xz")
    yield "several.distcp", _several
    yield "vocab.txt.gz", lambda path: path.write_bytes(gzip.compress(b"cat\ndog\n" * 1000))
    arrays = {"w": np.zeros((4, 4), np.float32)}
    yield "m.safetensors", lambda path: safetensors.numpy.save_file(arrays, path)


def _several(path: Path) -> None:
    """Tensors one behind the other, each an archive of its own, as distributed checkpoints are."""
    with path.open("wb") as file:
        for count in (3, 50_000, 7, 90_000, 2):
            part = io.BytesIO()
            torch.save(torch.ones(count), part)
            file.write(part.getvalue())


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/readme.txt", "text " * 1000)
        archive.writestr("b.json", "{}")


def _tar(path: Path, mode: Any) -> None:
    with tarfile.open(path, mode) as archive:
        info = tarfile.TarInfo("a/readme.txt")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"text"))
        link = tarfile.TarInfo("a/link")
        link.type, link.linkname = tarfile.SYMTYPE, "readme.txt"
        archive.addfile(link)


def items() -> list[Item]:
    groups = (texts, plain, numpy_files, joblib_files, torch_files, archives)
    return [item for group in groups for item in group()]
