"""Entry point of ``python -m cli``, which the launcher at the root of a checkout runs."""

import os
import sys
from contextlib import suppress

from cli.main import main

status = main(sys.argv[1:])
if status:
    # NB: a normal exit waits for downloads in other threads, as long as a server may stall.
    with suppress(BrokenPipeError):
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
sys.exit(status)
