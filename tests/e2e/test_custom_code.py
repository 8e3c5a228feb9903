"""A repository with code of its own: refused by default, and loaded offline where it is allowed."""

import json
import subprocess

import numpy as np
import pytest
from safetensors.numpy import save

from tests.e2e.conftest import Pin
from tests.e2e.loading import load
from tests.hub import Hub, Repo
from tests.nix import Nix

WEIGHTS = np.arange(200, dtype=np.float32).reshape(50, 4)
AUTO_MAP = {"AutoConfig": "configuration_tiny.TinyConfig", "AutoModel": "modeling_tiny.TinyModel"}
# The two modules import each other: each has to be found beside the other.
CONFIGURATION = b"""
from transformers import PretrainedConfig


class TinyConfig(PretrainedConfig):
    model_type = "tiny-with-code"

    def model_class(self):
        from .modeling_tiny import TinyModel
        return TinyModel
"""
MODELING = b"""
import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput
from .configuration_tiny import TinyConfig


class TinyModel(PreTrainedModel):
    config_class = TinyConfig

    def __init__(self, config):
        super().__init__(config)
        assert config.model_class().__name__ == "TinyModel"
        self.embedding = torch.nn.Embedding(50, 4)
        self.post_init()

    def forward(self, input_ids):
        return BaseModelOutput(last_hidden_state=self.embedding(input_ids))
"""
REPO = Repo(
    "org/coded",
    files={
        "config.json": json.dumps({"model_type": "tiny-with-code", "auto_map": AUTO_MAP}).encode(),
        "configuration_tiny.py": CONFIGURATION,
        "modeling_tiny.py": MODELING,
        "model.safetensors": save({"embedding.weight": WEIGHTS}, {"format": "pt"}),
    },
)


def test_is_refused_by_default(nix: Nix, hub: Hub, pin: Pin) -> None:
    log = nix.build_fails(pin(REPO, "coded"), HF_ENDPOINT=hub.endpoint)
    assert "model coded is refused (policy safe-only)" in log
    for path in ("config.json", "configuration_tiny.py", "modeling_tiny.py"):
        assert f"  {path}: " in log
    assert 'security.policy = "scanned"' in log
    assert not [name for name in nix.outputs() if name.endswith("-coded")]


@pytest.mark.parametrize("way", ["path", "home", "entry linked"])
def test_loads_where_the_policy_allows_it(nix: Nix, hub: Hub, pin: Pin, way: str) -> None:
    model = pin(REPO, "coded")
    allowed = f'{model}.override {{ security.policy = "scanned"; }}'
    path = nix.build(allowed, HF_ENDPOINT=hub.endpoint)
    words, environ = {
        "path": ((path,), {}),
        "home": ((REPO.id,), {"HF_HOME": path}),
        "entry linked": ((REPO.id, "--link", f"{path}/hub/models--org--coded"), {}),
    }[way]
    got = load(nix, *words, "--trust", **environ)
    assert (got["class"], got["warnings"]) == ("TinyModel", [])
    assert got["numbers"] == WEIGHTS[[5, 6, 7]].flatten().tolist()


def test_shells_keep_the_code_out_of_the_store(nix: Nix, hub: Hub, pin: Pin) -> None:
    model = f"""{pin(REPO, "coded")}.override {{
      security.policy = "scanned"; integration.huggingface.enable = true;
    }}"""
    path = nix.build(model, HF_ENDPOINT=hub.endpoint)
    sourced = (nix.real(path) / "nix-support/setup-hook").read_text()
    for text in (sourced, nix.eval(f"({model}).shellHook")):
        command = ["sh", "-euc", f'{text} echo "$HF_HOME $HF_MODULES_CACHE"']
        done = subprocess.run(command, env={"HOME": "/home/me"}, stdout=subprocess.PIPE, check=True)
        assert done.stdout.decode() == f"{path} /home/me/.cache/huggingface/modules\n"
