"""What stays of a model that a program of the user's made fail, for whoever looks for the reason.

No weights are copied: the raw files are paths of the store already, and stay links.
"""

import shutil
import tempfile
from pathlib import Path


def keep(folder: Path, name: str, src: Path, out: Path | None, output: str) -> Path:
    """Keep the files as the program left them, readable for nobody else.

    Args:
        folder: holds what is kept, a directory for each failure.
        name: of the model.
        src: the raw files.
        out: the output as far as it came; None where there is none yet.
        output: what the program printed.

    Returns:
        The directory that was made: ``src``, ``out`` and ``output.txt``.

    Raises:
        OSError: something cannot be copied; nothing is kept then.
    """
    place = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
    try:
        (place / "output.txt").write_text(output, "utf-8")
        shutil.copytree(src, place / "src", symlinks=True)
        if out:
            shutil.copytree(out, place / "out", symlinks=True)
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return place
