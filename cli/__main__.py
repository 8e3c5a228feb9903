"""Entry point of ``python -m cli``, which the launcher at the root of a checkout runs."""

import sys

from cli.main import main

sys.exit(main(sys.argv[1:]))
