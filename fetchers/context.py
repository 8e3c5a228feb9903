"""What a download is given besides the file: limits, credentials, and somewhere to report to."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from common.progress import Progress, Silent
from fetchers.auth import Auth
from fetchers.partial import Partials
from fetchers.wallet import Wallet


@dataclass(frozen=True)
class Retries:
    """How often and how patiently a request is repeated.

    Attributes:
        times: repetitions without progress before giving up.
        delay: seconds before the first repetition; doubles each time.
        longest: seconds, the most that is waited unless the server asks for more.
        rounds: how often all repetitions are begun again.
        refusals: how often a transfer goes on with another token, without progress.
    """

    times: int = 5
    delay: float = 1.0
    longest: float = 60.0
    rounds: int = 0
    refusals: int = 3


@dataclass(frozen=True)
class Context:
    """Passed to both verbs of every source.

    Attributes:
        environ: the environment, where credentials and endpoints come from; empty means unset.
        retries: see `Retries`.
        stall: seconds without a byte after which a transfer is cut and resumed.
        progress: told of every byte and every wait.
        direct: write straight into the target instead of a temporary name; only for a
            derivation's own output, which Nix itself discards unless the build succeeds.
        log: takes a sentence for the user (already safe to print after masking).
        connections: to use for one large file.
        partials: where partial files survive; None to keep none.
        mirrors: addresses of places that have files by sha256; see `fetchers.hashed`.
        hashed_later: the caller verifies the content of large files, so it is not hashed here.
        pace: told of every count of bytes that came; may wait, or raise to end the transfer.
        auth: where credentials are to be found.
        wallet: the tokens in use; shared by every copy of this context.
        shell: absolute path of the shell that runs the user's commands.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    retries: Retries = field(default_factory=Retries)
    stall: float = 60.0
    progress: Progress = field(default_factory=Silent)
    direct: bool = False
    log: Callable[[str], None] = lambda _: None
    connections: int = 1
    partials: Partials | None = None
    mirrors: tuple[str, ...] = ()
    hashed_later: bool = False
    pace: Callable[[int], None] = lambda _: None
    auth: Auth = field(default_factory=Auth)
    wallet: Wallet = field(default_factory=Wallet)
    shell: str = "/bin/sh"

    def variable(self, *names: str) -> str | None:
        """Give the first of these environment variables that is set and not empty."""
        return next((self.environ[name] for name in names if self.environ.get(name)), None)
