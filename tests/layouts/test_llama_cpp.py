"""llama.cpp itself loads the file that an Ollama store points to, and computes with its weights."""

import json
import platform
import subprocess
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

from layouts.ollama import Wanted
from tests.layouts.test_ollama import model, read, store
from tests.servers.base import need_node, need_program

VERSION = "3.14.2"  # of node-llama-cpp, which carries llama.cpp compiled
PROCESSOR = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
SCRIPT = Path(__file__).with_name("llama_cpp.mjs")
RUN_SECONDS = 120
SPECIAL = {"<unk>": TokenType.UNKNOWN, "<s>": TokenType.CONTROL, "</s>": TokenType.CONTROL}
# llama.cpp ends the process over a vocabulary of this kind that lacks a byte.
BYTES = {f"<0x{byte:02X}>": TokenType.BYTE for byte in range(256)}
TOKENS = SPECIAL | BYTES | {f"w{number}": TokenType.NORMAL for number in range(29)}
WIDTH = len(TOKENS)  # of all layers too
FACTS = {"block_count": 1, "context_length": 256, "embedding_length": WIDTH}
FACTS |= {"feed_forward_length": WIDTH, "attention.head_count": 9}
SILENT = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")


def counting(path: Path) -> bytes:
    """Write a whole llama of one block, whose weights say that token N+1 follows token N."""
    writer = GGUFWriter(path, "llama")
    for key, value in FACTS.items():
        writer.add_uint32(f"llama.{key}", value)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(TOKENS))
    writer.add_token_scores([0.0] * WIDTH)
    writer.add_token_types(list(TOKENS.values()))
    one, row = np.eye(WIDTH, dtype=np.float32), np.ones(WIDTH, np.float32)
    tensors = {"token_embd": one, "output_norm": row, "output": np.roll(one, 1, axis=0)}
    tensors |= {"blk.0.attn_norm": row, "blk.0.ffn_norm": row}
    for name, values in (tensors | {f"blk.0.{name}": one * 0 for name in SILENT}).items():
        writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def test_llama_cpp_runs_what_an_ollama_store_points_to(tmp_path: Path) -> None:
    node, compiled = need_program("node", "nodejs"), f"@node-llama-cpp/linux-{PROCESSOR}@{VERSION}"
    # Without the optional packages (for GPUs, 600 MB), and without scripts that would compile.
    npm = ("--ignore-scripts", "--omit=optional", compiled)
    library = need_node("node-llama-cpp", VERSION, *npm)
    path = model(tmp_path / "m", tiny__gguf=counting(tmp_path / "x.gguf"))
    out = store(tmp_path, Wanted(path, "tiny:f32", texts={"system": "Be brief."}))
    layers = read(out, "registry.ollama.ai/library/tiny/f32")["layers"]
    (weights,) = [one for one in layers if one["mediaType"] == "application/vnd.ollama.image.model"]
    blob = out / "blobs" / weights["digest"].replace(":", "-")
    first = list(TOKENS).index("w3")
    command = [node, SCRIPT, library, blob, str(first), "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    seen = {"architecture": "llama", "embeddingVectorSize": WIDTH, "trainContextSize": 256}
    assert json.loads(done.stdout) == seen | {"words": ["w4", "w5", "w6"]}
