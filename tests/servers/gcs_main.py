"""Run by the emulator's own Python: serves, with buckets of many objects from the start.

Arguments: the port, and ``{"BUCKET": COUNT}`` as JSON.
"""

import json
import signal
import sys
import threading

from gcp_storage_emulator.handlers import objects
from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import create_server

HOST = "127.0.0.1"


def fill(server: object, bucket: str, count: int) -> None:
    """Store objects in this process, which HTTP would do slowly."""
    storage = server._storage
    create_bucket(bucket, storage)
    for number in range(count):
        name, content = f"shards/{number:04}.json", b'{"n": %d}\n' % number
        made = objects._make_object_resource("", bucket, name, "text/plain", str(len(content)))
        storage.create_file(bucket, name, content, objects._checksums(content, made))


if __name__ == "__main__":
    server = create_server(HOST, int(sys.argv[1]), in_memory=True)
    # It would write a list of all objects after each; nothing here ever reads that.
    server._storage._write_config_to_file = lambda: None
    for bucket, count in json.loads(sys.argv[2]).items():
        fill(server, bucket, count)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    server.start()
    stop.wait()
    server.stop()
