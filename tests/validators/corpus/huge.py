"""Files of 5 GiB that are all right: a true header, and a hole where the weights would be."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch

from tests.validators.corpus.assemble import proto
from tests.validators.formats.corpus import gguf_files, onnx_files

SIZE = 5 << 30  # bytes of weights
TENSORS = 100_000
Write = Callable[[Path], None]


def sparse(path: Path, head: bytes, size: int) -> None:
    """Write bytes, and a hole behind them."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)


def safetensors(path: Path, size: int = SIZE, count: int = 1) -> None:
    step = size // count
    entries = {
        f"model.layers.{index}.weight": {
            "dtype": "U8",
            "shape": [step],
            "data_offsets": [index * step, (index + 1) * step],
        }
        for index in range(count)
    }
    header = json.dumps(entries).encode()
    sparse(path, struct.pack("<Q", len(header)) + header, step * count)


def gguf(path: Path, size: int = SIZE, count: int = 1) -> None:
    items = size // 4 // count // 8 * 8
    tensors = tuple(
        gguf_files.tensor(f"blk.{index}.weight", (items,), offset=index * items * 4)
        for index in range(count)
    )
    sparse(path, gguf_files.assemble((gguf_files.ARCHITECTURE,), tensors), items * 4 * count)


def torch_zip(path: Path, size: int = SIZE) -> None:
    """A stored zip with a benign pickle and one huge tensor, as torch writes it (zip64)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/data.pkl", proto(2) + b"}.")
        info = zipfile.ZipInfo("a/data/0")
        info.file_size = size
        with archive.open(info, "w", force_zip64=True) as member:
            member.write(b"\0")
    _stretch(path, size - 1)


def _stretch(path: Path, by: int) -> None:
    """Make the last member longer by a hole, and its sizes with it."""
    data = path.read_bytes()
    directory = data.rfind(b"PK\1\2")
    end = data.rfind(b"PK\5\6")
    record = bytearray(data[directory:end])
    name_size = struct.unpack("<H", record[28:30])[0]
    record[20:28] = b"\xff" * 8
    extra = struct.pack("<HHQQ", 1, 16, by + 1, by + 1)
    record[30:32] = struct.pack("<H", len(extra))
    record[46 + name_size :] = extra
    first = data.find(b"PK\1\2")
    listing = data[first:directory] + bytes(record)
    local = data.rfind(b"PK\3\4", 0, first)
    body = bytearray(data[:first])
    body[local + 18 : local + 26] = b"\xff" * 8
    place = local + 30 + struct.unpack("<H", body[local + 26 : local + 28])[0]
    body[place : place + 20] = extra
    start = first + by
    with path.open("wb") as file:
        file.write(body)
        file.seek(start)
        file.write(listing)
        wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(listing), start)
        file.write(wide + struct.pack("<4sIQI", b"PK\6\7", 0, start + len(listing), 1))
        file.write(struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 2, 2, 0xFFFFFFFF, 0xFFFFFFFF, 0))


def torch_old(path: Path, size: int = SIZE) -> None:
    """torch's format of before 1.6: five pickles, then the storages."""
    out = io.BytesIO()
    torch.save({"w": torch.zeros(4)}, out, _use_new_zipfile_serialization=False)
    data = out.getvalue()
    sparse(path, data[:-24] + struct.pack("<Q", size // 4), size)


def npy(path: Path, size: int = SIZE) -> None:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({size // 4},), }}"
    text = header.ljust(117) + "\n"
    sparse(path, b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode(), size)


def hdf5(path: Path, size: int = SIZE) -> None:
    with h5py.File(path, "w") as file:
        space = h5py.h5s.create_simple((size // 4,))
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        h5py.h5d.create(file.id, b"w", h5py.h5t.IEEE_F32LE, space, layout)
        file.attrs["keras_version"] = np.bytes_(b"2.15.0")


def onnx(root: Path, size: int = SIZE) -> None:
    more = (("offset", "0"), ("length", str(size)))
    (root / "model.onnx").write_bytes(onnx_files.reaching("model.onnx_data", *more))
    sparse(root / "model.onnx_data", b"", size)


def many_files(root: Path, count: int = 20_000) -> None:
    """A data set's folder: as many files as some repositories really have."""
    for index in range(count):
        folder = root / f"{index // 1000:03}"
        folder.mkdir(exist_ok=True)
        (folder / f"{index:06}.json").write_text('{"text": "words"}')


FILES: dict[str, Write] = {
    "5 GiB safetensors": lambda root: safetensors(root / "model.safetensors"),
    "5 GiB GGUF": lambda root: gguf(root / "model.gguf"),
    "5 GiB torch zip": lambda root: torch_zip(root / "model.pt"),
    "5 GiB torch, old format": lambda root: torch_old(root / "model.bin"),
    "5 GiB npy": lambda root: npy(root / "weights.npy"),
    "5 GiB HDF5": lambda root: hdf5(root / "model.h5"),
    "5 GiB ONNX, external data": onnx,
    "100,000 tensors in safetensors": lambda root: safetensors(
        root / "model.safetensors", 1 << 30, TENSORS
    ),
    "100,000 tensors in GGUF": lambda root: gguf(root / "model.gguf", 4 << 30, TENSORS),
    "20,000 files": many_files,
}
