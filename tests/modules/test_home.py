"""programs.ai-models, evaluated with the real Home Manager's own library."""

import json
import subprocess
from pathlib import Path
from typing import Any

from common.digest import file_sha256, to_sri
from tests.modules.evaluated import home, messages, value
from tests.nix import Nix

HASH = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
OTHER = f'{{ source = "hf:org/b"; hash = "{HASH}"; }}'
MODEL = f'{{ source = "hf:org/name"; hash = "{HASH}"; }}'


def config(body: str = "", models: str = f"my-model = {MODEL};") -> str:
    return home(f"{{ programs.ai-models = {{ enable = true; models = {{ {models} }}; {body} }}; }}")


def links(nix: Nix, evaluated: str) -> dict[str, str]:
    """Read the links of the manifest that the activation applies."""
    text = f"({evaluated}).home.activation.aiModels.data"
    holder = (
        f'derivation {{ name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; x = {text}; }}'
    )
    drv = nix.run(*nix.words("nix-instantiate", holder)).stdout.strip()
    shown = json.loads(nix.run("nix", "show-derivation", "-r", drv).stdout)
    manifests = [
        json.loads(one["env"]["text"]) for name, one in shown.items() if "manifest" in name
    ]
    assert {manifest["state"] for manifest in manifests} == {
        "/home/me/.local/state/nix-ai-models/links.json"
    }
    own: list[dict[str, Any]] = next(m["links"] for m in manifests if m["links"])
    return {link["path"]: link["target"] for link in own}


def test_the_specified_configuration_links_into_the_users_cache(nix: Nix) -> None:
    """8.3: `huggingfaceIntegration` alone is enough."""
    evaluated = config("huggingfaceIntegration = true;")
    assert messages(nix, evaluated) == []
    got = links(nix, evaluated)
    assert list(got) == [
        "/home/me/.local/share/ai-models/my-model",
        "/home/me/.cache/huggingface/hub/models--org--name",
        "/home/me/.local/state/nix-ai-models/remove",
    ]
    model = got["/home/me/.local/share/ai-models/my-model"]
    assert got["/home/me/.cache/huggingface/hub/models--org--name"] == (
        f"{model}/hub/models--org--name"
    )


def test_without_the_integration_a_model_asks_for_itself(nix: Nix) -> None:
    evaluated = config(
        "huggingfaceIntegration = false;",
        f"a = {MODEL}; b = {OTHER} // {{ integration.huggingface.enable = true; }};",
    )
    assert [path for path in links(nix, evaluated) if "/hub/" in path] == [
        "/home/me/.cache/huggingface/hub/models--org--b"
    ]


def test_a_model_may_have_a_cache_of_its_own(nix: Nix) -> None:
    evaluated = config(
        "", f'm = {MODEL} // {{ integration.huggingface.cacheDir = "/home/me/x/hub"; }};'
    )
    assert "/home/me/x/hub/models--org--name" in links(nix, evaluated)


def test_sessions_and_activation(nix: Nix) -> None:
    got = value(nix, config(), "{ inherit (config.home) sessionVariables packages activation; }")
    assert got["sessionVariables"] == {
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_CACHE": "/home/me/.cache/huggingface/hub",
        "HF_HUB_OFFLINE": "1",
        "MYMODEL_MODEL_PATH": "/home/me/.local/share/ai-models/my-model",
        "TRANSFORMERS_OFFLINE": "1",
    }
    assert [path.partition("-")[2] for path in got["packages"]] == ["nix-ai-model"]
    check, link = got["activation"]["checkAiModels"], got["activation"]["aiModels"]
    assert check["before"] == link["after"] == ["writeBoundary"]
    assert check["data"].strip().endswith("--dry-run >/dev/null")
    assert link["data"].startswith("run /nix/store/")


def test_once_disabled_the_links_are_removed_by_what_was_left_for_it(nix: Nix) -> None:
    got = value(
        nix, home("{ programs.ai-models.enable = false; }"), "config.home.activation.aiModels.data"
    )
    remove = "/home/me/.local/state/nix-ai-models/remove"
    assert got == f"if [ -x {remove} ]; then run {remove}; fi\n"
    script = nix.build('lib.wrapProgram { program = "/x/y"; models = [ ]; arguments = [ "a b" ]; }')
    assert nix.real(f"{script}/bin/y").read_text() == "#!/bin/sh\nexec '/x/y' 'a b' \"$@\"\n"


def test_wrappers_lazy_models_and_ollama(nix: Nix) -> None:
    got = value(
        nix,
        config(
            "",
            f"""a = {MODEL} // {{ integration.wrappers.python.enable = true; }};
                b = {MODEL.replace("name", "b")} // {{ lazy = true; }};
                c = {{ source = "hf:org/c"; hash = "{HASH}";
                  integration.wrappers.ollama.enable = true; }};""",
        ),
        "{ inherit (config.home) packages; ollama = config.services.ollama.environmentVariables; }",
    )
    assert [path.partition("-")[2] for path in got["packages"]] == [
        "nix-ai-model",
        "python3-with-a",
        "fetch-b",
    ]
    assert got["ollama"]["OLLAMA_MODELS"].endswith("-ai-models-ollama")


def test_everything_wrong_is_told_at_once(nix: Nix) -> None:
    got = messages(nix, config("", f'a.hash = "x"; b = {MODEL} // {{ lazzy = true; }};'))
    assert got[0].startswith("`programs.ai-models.models.a.hash` must be a hash")
    assert any(text.startswith("`programs.ai-models.models.a.source` is missing") for text in got)
    assert (
        '`programs.ai-models.models.b.lazzy` is no attribute here, got "lazzy"; did you mean'
        in (got[-1])
    )


# Each option of Home Manager's module alone; the shared ones are in test_nixos.py.
CHANGES = {
    "cacheDir": 'cacheDir = "/home/me/hub";',
    "huggingfaceIntegration": "huggingfaceIntegration = false;",
    "setSessionVariables": "setSessionVariables = false;",
}


def test_every_option_is_read_by_something(nix: Nix) -> None:
    def result(body: str) -> Any:
        return nix.eval(f"({config(body)}).home")

    plain = result("")
    for change in CHANGES.values():
        assert result(change) != plain, change
    shared = {"enable", "models", "lockFile", "offline", "library"}
    options = nix.eval(
        "builtins.attrNames " + home("{ }").removesuffix(".config") + ".options.programs.ai-models"
    )
    assert set(options) == shared | set(CHANGES)


def test_the_activation_is_carried_out(nix: Nix, tmp_path: Path) -> None:
    """The real command links, refuses before the first change, and takes all away again."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/config.json").write_text("{}")
    model = f"""{{
      source.local.path = {tmp_path}/src;
      fileHashes."config.json" = "{to_sri(file_sha256(tmp_path / "src/config.json"))}";
      integration.huggingface = {{ org = "org"; model = "m"; }};
    }}"""
    homes = "".join(
        f"""xdg.{name}Home = "{tmp_path}/{name[0]}";""" for name in ("cache", "data", "state")
    )

    def script(body: str) -> str:
        evaluated = home(f"{{ {homes} programs.ai-models = {{ {body} }}; }}")
        return f"""(let
            activation = ({evaluated}).home.activation;
            data = name: (activation.${{name}} or {{ data = ""; }}).data;
          in
          derivation {{ name = "activate"; system = "x86_64-linux"; builder = "/bin/sh";
            args = [ "-c" "echo \\"$text\\" > $out" ];
            text = data "checkAiModels" + data "aiModels"; }})"""

    def activate(built: str) -> subprocess.CompletedProcess[str]:
        return nix.loaded("bash", "-euc", f'run() {{ "$@"; }}; . {built}')

    on = nix.build(script(f"enable = true; models.m = {model};"))
    off = nix.build(script("enable = false;"))
    entry = tmp_path / "c/huggingface/hub/models--org--m"
    entry.mkdir(parents=True)
    refused = activate(on)
    assert refused.returncode != 0
    assert f"{entry}: a directory is in the way" in refused.stderr
    assert not (tmp_path / "d").exists(), "nothing was changed"
    entry.rmdir()
    done = activate(on)
    assert done.returncode == 0, done.stderr
    assert nix.real(entry.readlink()).is_dir()
    assert (tmp_path / "d/ai-models/m").is_symlink()
    assert activate(on).stdout.endswith("3 paths in place\n")
    gone = activate(off)
    assert gone.returncode == 0, gone.stderr
    assert not entry.is_symlink()
    assert not (tmp_path / "d").exists()
    assert activate(off).returncode == 0
