"""Coverage-guided fuzzing of the readers in `validators.formats`, with atheris.

    python tests/fuzz/formats.py gguf CORPUS_DIRECTORY -max_total_time=60

The first argument names a check; its own corpus is written to the directory as seeds. Whatever a
reader raises is a crash, and so is a run of more than ten seconds or a gigabyte (atheris's own
limits, see -timeout and -rss_limit_mb). What is found becomes a test in `tests/validators`.
Source: https://github.com/google/atheris
"""

import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

with atheris.instrument_imports(include=["validators"]):
    from tests.validators.formats.corpus import (
        code_files,
        gguf_files,
        keras_files,
        numpy_files,
        onnx_files,
        safetensors_files,
        templates,
        tensorflow_files,
    )
    from tests.validators.formats.corpus.case import Memory
    from validators import registry
    from validators.base import Model
    from validators.checks import (
        gguf,
        keras,
        onnx,
        repository_code,
        safetensors,
        savedmodel,
    )
    from validators.checks import (
        numpy_files as arrays,
    )
    from validators.checks import (
        templates as jinja,
    )
    from validators.containers import magic
    from validators.formats.source import Source, _careful

# The check's module, the name its file has, and where its seeds are.
TARGETS = {
    "gguf": (gguf, "m.gguf", gguf_files),
    "hdf5": (keras, "m.h5", keras_files),
    "json": (repository_code, "config.json", code_files),
    "keras": (keras, "config.json", keras_files),
    "npy": (arrays, "a.npy", numpy_files),
    "onnx": (onnx, "m.onnx", onnx_files),
    "pbtxt": (savedmodel, "graph.pbtxt", tensorflow_files),
    "safetensors": (safetensors, "m.safetensors", safetensors_files),
    "savedmodel": (savedmodel, "saved_model.pb", tensorflow_files),
    "shards": (safetensors, "m.safetensors.index.json", safetensors_files),
    "templates": (jinja, "chat_template.jinja", templates),
    "yaml": (repository_code, "config.yaml", code_files),
}
MAX_SEED_BYTES = 64 << 10


def main() -> None:
    """Fuzz one target."""
    module, name, seeds = TARGETS[sys.argv.pop(1)]
    ending = Path(name).suffix
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for case in (*seeds.malicious(), *seeds.benign()):
        for path, data in case.files.items():
            if Path(path).suffix.lower() == ending and len(data) <= MAX_SEED_BYTES:
                (folder / case.id.replace("/", "-")).write_bytes(data)
    model = Model("fuzz", (), Path())

    def one(data: bytes) -> None:
        kinds = frozenset((*magic.kinds(data[:4096]), magic.identify(data[:4096])))
        for problem in _careful(module._judge, Source(name, Memory(data), kinds), model):
            problem.at(name, registry.__name__).to_json()

    atheris.Setup([sys.argv[0], *sys.argv[1:]], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
