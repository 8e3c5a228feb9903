"""Serve directories as a hub until SIGTERM: ``python -m tests.hub --root DIR``.

DIR/{models,datasets,spaces}/ORG/NAME is a repository (``NAME@REV`` another revision of it;
either may be a link).
DIR/hub.json, where present, says more::

    {"tokens": {"hf_x": "read"}, "repos": {"models/org/name": {"gated": "auto", "tokens": ["hf_x"],
     "sparse": {"big.safetensors": [100000000000, "<sha256>"]}}}}

Faults and the log, from another process: ``POST /__faults`` (the attributes of a
`tests.hub.faults.Fault` as JSON, or a list of such), ``GET /__requests``, ``POST /__clear``.
"""

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from tests.hub.repos import repos_of
from tests.hub.server import Hub


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.hub", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--port-file", type=Path, help="takes the port, once all is ready")
    parser.add_argument("--page-size", type=int, default=1000)
    parser.add_argument("--rate", type=int, default=0, help="bytes a second of each body")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = arguments.root / "hub.json"
    more = json.loads(settings.read_text()) if settings.exists() else {}
    repos = list(repos_of(arguments.root, more.get("repos", {})))
    options = {"page_size": arguments.page_size, "rate": arguments.rate, "port": arguments.port}
    with Hub(repos, tokens=more.get("tokens"), **options) as hub:
        if arguments.port_file:
            _write(arguments.port_file, f"{hub.endpoint.rpartition(':')[2]}\n")
        print(hub.endpoint, flush=True)
        stop.wait()


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


if __name__ == "__main__":
    main()
