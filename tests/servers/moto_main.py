"""Run by moto's own Python: starts it with buckets of many objects, which HTTP would fill slowly.

The first argument says which, ``{"BUCKET": COUNT}`` as JSON; the others are moto_server's.
"""

import json
import sys

from moto.s3.models import s3_backends
from moto.server import main

ACCOUNT = "123456789012"  # moto's own
REGION = "eu-central-1"

if __name__ == "__main__":
    backend = s3_backends[ACCOUNT]["aws"]
    for bucket, count in json.loads(sys.argv[1]).items():
        backend.create_bucket(bucket, REGION)
        for number in range(count):
            backend.put_object(bucket, f"shards/{number:04}.json", b'{"n": %d}\n' % number)
    main(sys.argv[2:])
