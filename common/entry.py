"""How every program of this project ends: an exit status, and one error text without secrets."""

import os
import sys
import traceback
from collections.abc import Callable

from common.errors import ModelError
from common.plain import plain
from common.secrets import mask

INTERRUPTED = 130  # 128 + SIGINT, what shells expect


def run(main: Callable[[], int], *, debug: bool = False) -> int:
    """Call `main` and give its exit status, or print why it failed and give the error's.

    Args:
        main: gives 0 for done, 1 failed, 2 wrong usage, 3 refused as unsafe.
        debug: print the traceback too, masked like everything else.
    """
    try:
        return main()
    except ModelError as error:
        _say(debug, f"error: {error}")
        return error.exit_status
    except BrokenPipeError:
        # The reader went away; keep the interpreter from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        _say(debug, "error: interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place that can word it
        text = f"error: this should not have happened: {type(error).__name__}: {error}"
        _say(debug, f"{text}\ntry: the same again with --debug, and report what it prints")
        return 1


def _say(debug: bool, text: str) -> None:
    if debug:
        sys.stderr.write(plain(mask(traceback.format_exc())))
    sys.stderr.write(f"{plain(mask(text))}\n")
