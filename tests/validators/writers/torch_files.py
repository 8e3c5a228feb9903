"""What torch 2 saves besides plain state dicts: training states, tensors of all kinds, programs."""

import os
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed.checkpoint as dcp
from torch import nn
from torch.distributed import device_mesh, tensor
from torch.optim import lr_scheduler as schedules

from tests.servers.base import free_port
from tests.validators.writers.writing import Models

MODELS = Models()
NET = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)
)
IMAGE = torch.ones(1, 3, 8, 8)
OPTIMIZER = torch.optim.AdamW(NET.parameters(), 0.01)


def _saved(name: str, value: Any) -> None:
    MODELS.add(name, lambda folder: torch.save(value, folder / "value.pt"))


def optimizers() -> None:
    for name in (
        "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "Muon",
        "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
    ):  # fmt: skip
        layer = nn.Linear(3, 2, bias=name != "Muon")
        kind = getattr(torch.optim, name)(layer.parameters(), lr=0.01)
        kind.step(lambda layer=layer, kind=kind: _loss(layer, kind))
        _saved(f"optimizer-{name}", {"optimizer": kind.state_dict(), "model": layer.state_dict()})


def _loss(layer: nn.Module, optimizer: torch.optim.Optimizer) -> torch.Tensor:
    optimizer.zero_grad()
    loss = layer(torch.ones(2, 3)).sum()
    loss.backward()
    return loss


def schedulers() -> None:
    made = {
        "step": schedules.StepLR(OPTIMIZER, 3),
        "cosine": schedules.CosineAnnealingLR(OPTIMIZER, 3),
        "cycle": schedules.OneCycleLR(OPTIMIZER, 0.1, total_steps=10),
        "plateau": schedules.ReduceLROnPlateau(OPTIMIZER),
        "lambda": schedules.LambdaLR(OPTIMIZER, lambda epoch: 0.9**epoch),
        "milestones": schedules.MultiStepLR(OPTIMIZER, [1, 2]),
        "restarts": schedules.CosineAnnealingWarmRestarts(OPTIMIZER, 2),
    }
    for name, schedule in made.items():
        _saved(f"schedule-{name}", schedule.state_dict())
    _saved("training", {
        "epoch": 1, "model": NET.state_dict(), "optimizer": OPTIMIZER.state_dict(),
        "scaler": torch.amp.GradScaler("cpu").state_dict(), "best": np.float64(0.3),
        "random": (torch.get_rng_state(), random.getstate()),
        "generator": np.random.default_rng(1),
    })  # fmt: skip


def tensors() -> None:
    one_byte = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu]
    wide = [torch.bfloat16, torch.uint16, torch.uint32, torch.uint64, torch.complex32]
    for kind in one_byte:
        _saved(f"tensor-{str(kind)[6:]}", {"w": torch.zeros(4, dtype=torch.uint8).view(kind)})
    for kind in wide:
        _saved(f"tensor-{str(kind)[6:]}", {"w": torch.zeros(4, dtype=kind)})
    square = torch.eye(4)
    for name, value in {
        "coo": square.to_sparse(), "csr": square.to_sparse_csr(), "csc": square.to_sparse_csc(),
        "bsr": square.to_sparse_bsr((2, 2)),
    }.items():  # fmt: skip
        _saved(f"sparse-{name}", value)
    ragged = [torch.ones(2), torch.ones(3)]
    _saved("nested-strided", torch.nested.nested_tensor(ragged))
    _saved("nested-jagged", torch.nested.nested_tensor(ragged, layout=torch.jagged))
    _saved("meta", torch.ones(2, device="meta"))
    _saved("conjugate", torch.ones(2, dtype=torch.cfloat).conj())
    _saved("gradient", torch.ones(2, requires_grad=True))
    channels = (torch.ones(2), torch.zeros(2), 0, torch.qint8)
    _saved("quantized", torch.quantize_per_channel(torch.ones(2, 3), *channels))
    dynamic = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    _saved("quantized-state", dynamic.state_dict())
    _saved("weight-norm", nn.utils.parametrizations.weight_norm(nn.Linear(2, 2)).state_dict())
    _saved("averaged", torch.optim.swa_utils.AveragedModel(nn.Linear(2, 2)).state_dict())
    _saved("layers", nn.Transformer(8, 2, 1, 1, 8))


@MODELS.named("torchscript")
def _script(folder: Path) -> None:
    torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.ReLU())).save(str(folder / "model.pt"))
    torch.jit.trace(NET.eval(), IMAGE).save(str(folder / "traced.ts"))


@MODELS.named("program")
def _program(folder: Path) -> None:
    program = torch.export.export(nn.Linear(2, 2), (torch.ones(1, 2),))
    torch.export.save(program, str(folder / "model.pt2"))


@MODELS.named("onnx")
def _onnx(folder: Path) -> None:
    torch.onnx.export(NET.eval(), (IMAGE,), str(folder / "model.onnx"), dynamo=False)


@MODELS.named("distributed")
def _distributed(folder: Path) -> None:
    state = {"model": NET.state_dict(), "large": torch.ones(50, 1000), "step": 3}
    dcp.save(state, checkpoint_id=str(folder), no_dist=True)


@MODELS.named("distributed-tensors")
def _spread(folder: Path) -> None:
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    os.environ |= place | {"RANK": "0", "WORLD_SIZE": "1"}
    torch.distributed.init_process_group("gloo")
    mesh = device_mesh.init_device_mesh("cpu", (1,))
    value = tensor.distribute_tensor(torch.ones(4, 4), mesh, [tensor.Shard(0)])
    torch.save({"w": value}, folder / "value.pt")
    dcp.save({"w": value}, checkpoint_id=str(folder / "checkpoint"))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    optimizers()
    schedulers()
    tensors()
    MODELS.main()
