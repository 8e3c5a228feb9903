"""Says which models it was given; a place to begin."""

import os

for name, path in sorted(os.environ.items()):
    if name.endswith("_MODEL_PATH"):
        print(name, path)
