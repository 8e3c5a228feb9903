"""The preference for safetensors: which weights to leave out of a repository that ships several.

A repository often holds the same weights in many formats. Where a folder has them as safetensors,
the pickles beside them are dead weight that can run code, and the other formats dead weight only.
"""

import glob
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

# Pickles by convention. Any other .bin may be something else (OpenVINO, KenLM), so those are named.
_PICKLE_ENDINGS = {".ckpt", ".pickle", ".pkl", ".pt", ".pth"}
_PICKLE_BIN = re.compile(
    r"((.*_)?(pytorch_model|adapter_model)|model|training_args|optimizer|scheduler)"
    r"([.-].*)?\.bin(\.index\.json)?"
)
_OTHER_FRAMEWORK = re.compile(
    r"(tf_model.*\.h5|flax_model.*\.msgpack|rust_model\.ot)(\.index\.json)?"
)
_SHARD = re.compile(r"\d{5}(-of-\d{5})")


def leave_out(paths: Iterable[str]) -> list[str]:
    """Give sorted globs for the files whose weights are there as safetensors too.

    The shards of one checkpoint share a glob; every other glob is one path.
    """
    files = [PurePosixPath(path) for path in paths]
    folders = {file.parent for file in files if file.suffix == ".safetensors"}
    return sorted({_glob(file) for file in files if file.parent in folders and _duplicate(file)})


def _duplicate(file: PurePosixPath) -> bool:
    return (
        file.suffix in _PICKLE_ENDINGS
        or _PICKLE_BIN.fullmatch(file.name) is not None
        or _OTHER_FRAMEWORK.fullmatch(file.name) is not None
    )


def _glob(file: PurePosixPath) -> str:
    return _SHARD.sub(r"*\1", glob.escape(str(file)))
