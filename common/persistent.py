"""The directory that outlives builds, where the machine's owner lets the sandbox have one."""

import os
from pathlib import Path

FOLDER = Path("/var/cache/nix-ai-models")


def writable(folder: Path) -> bool:
    """Whether this build may put something there."""
    return os.access(folder, os.W_OK | os.X_OK)


def lost(what: str, folder: Path) -> str:
    """Word the warning that there is nothing to put `what` (a plural) into."""
    return (
        f"warning: {what} are lost with this build: it cannot write to {folder}\n"
        f"try: extra-sandbox-paths = {folder} in nix.conf; see docs/failures.md"
    )
