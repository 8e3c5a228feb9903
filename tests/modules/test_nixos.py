"""services.ai-models, evaluated with nixpkgs' real module system."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.modules.evaluated import messages, nixos, value
from tests.nix import Nix

HASH = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
MODEL = f'{{ source = "hf:org/name"; hash = "{HASH}"; integration.huggingface.enable = true; }}'
# The specification's 8.2, with a hash where it has an ellipsis.
SPECIFIED = f"""{{
  services.ai-models = {{
    enable = true;
    models = {{
      llama-2-7b = {{
        source.huggingface.repo = "meta-llama/Llama-2-7b-hf";
        hash = "{HASH}";
        integration.huggingface.enable = true;
      }};
    }};
    cacheDir = "/var/cache/ai-models";
    allowedUsers = [ "ml-user" "nginx" ];
  }};
}}"""


def config(body: str, models: str = f"m = {MODEL};") -> str:
    return nixos(
        f"{{ services.ai-models = {{ enable = true; models = {{ {models} }}; {body} }}; }}"
    )


def manifest(nix: Nix, evaluated: str) -> dict[str, Any]:
    """Read the manifest that a configuration's unit applies, out of its derivation."""
    text = f"({evaluated}).systemd.services.ai-models.serviceConfig.ExecReload"
    holder = (
        f'derivation {{ name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; x = {text}; }}'
    )
    drv = nix.run(*nix.words("nix-instantiate", holder)).stdout.strip()
    shown = json.loads(nix.run("nix", "show-derivation", "-r", drv).stdout)
    return next(json.loads(one["env"]["text"]) for name, one in shown.items() if "manifest" in name)


def test_the_specified_configuration_becomes_what_is_expected(nix: Nix) -> None:
    got = value(
        nix,
        nixos(SPECIFIED),
        """{
          inherit (config.systemd) tmpfiles;
          inherit (config.users) groups;
          inherit (config.environment) sessionVariables;
          unit = removeAttrs config.systemd.services.ai-models [ "serviceConfig" ];
          units = builtins.attrNames config.systemd.services;
          service = config.systemd.services.ai-models.serviceConfig;
          path = config.services.ai-models.models.llama-2-7b.path;
        }""",
    )
    assert got["tmpfiles"] == {"rules": ["d /var/cache/ai-models 0750 root ai-models -"]}
    assert got["groups"] == {"ai-models": {"members": ["ml-user", "nginx"]}}
    assert got["sessionVariables"] == {
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_CACHE": "/var/cache/ai-models/hub",
        "HF_HUB_OFFLINE": "1",
        "LLAMA27B_MODEL_PATH": "/var/cache/ai-models/models/llama-2-7b",
        "TRANSFORMERS_OFFLINE": "1",
    }
    assert got["path"] == "/var/cache/ai-models/models/llama-2-7b"
    assert got["units"] == ["ai-models"]
    assert got["unit"] == {
        "after": ["systemd-tmpfiles-setup.service", "systemd-tmpfiles-resetup.service"],
        "description": "Links to AI models",
        "reloadIfChanged": True,
        "unitConfig": {"RequiresMountsFor": ["/var/cache/ai-models"]},
        "wantedBy": ["multi-user.target"],
    }
    start = got["service"]["ExecStart"]
    assert start.split()[0].endswith("-nix-ai-model/bin/nix-ai-model")
    assert got["service"]["ExecReload"] == start
    assert got["service"]["ExecStop"] == f"{start} --remove"
    assert got["service"]["ReadWritePaths"] == ["/var/cache/ai-models"]


def test_the_manifest_says_what_goes_where(nix: Nix) -> None:
    evaluated = nixos(SPECIFIED)
    package = nix.eval(f"toString ({evaluated}).services.ai-models.models.llama-2-7b.package")
    got = manifest(nix, evaluated)
    entry = "models--meta-llama--Llama-2-7b-hf"
    cache = "/var/cache/ai-models"
    assert got == {
        "version": 1,
        "state": "/var/lib/nix-ai-models/links.json",
        "directories": [
            {"path": path, "owner": "root", "group": "ai-models", "mode": "0750"}
            for path in (cache, f"{cache}/hub", f"{cache}/models")
        ],
        "links": [
            {"path": f"{cache}/models/llama-2-7b", "target": package, "model": "llama-2-7b"},
            {
                "path": f"{cache}/hub/{entry}",
                "target": f"{package}/hub/{entry}",
                "model": "llama-2-7b",
            },
        ],
        "roots": [],
        "environment": {
            "path": f"{cache}/environment",
            "variables": {
                "HF_DATASETS_OFFLINE": "1",
                "HF_HUB_CACHE": f"{cache}/hub",
                "HF_HUB_OFFLINE": "1",
                "LLAMA27B_MODEL_PATH": f"{cache}/models/llama-2-7b",
                "TRANSFORMERS_OFFLINE": "1",
            },
        },
    }


def test_everybody_may_read_where_nobody_is_named(nix: Nix) -> None:
    got = value(
        nix, config(""), "{ inherit (config.users) groups; inherit (config.systemd) tmpfiles; }"
    )
    assert got["groups"] == {}
    assert got["tmpfiles"]["rules"] == ["d /var/cache/ai-models 0755 root root -"]


def test_the_specified_service_takes_a_model(nix: Nix) -> None:
    """14.1, as written."""
    got = value(
        nix,
        nixos(
            f"""{{
              services.vllm = {{
                enable = true;
                model = lib.fetchModel {{
                  source.huggingface.repo = "meta-llama/Llama-2-70b-hf";
                  hash = "{HASH}";
                  security.enableModelScan = true;
                  onDownloadFailure.action = "clean";
                }};
              }};
            }}"""
        ),
        "config.services.vllm.model.name",
    )
    assert got == "Llama-2-70b-hf"


def test_a_model_is_the_same_as_fetch_model_makes(nix: Nix) -> None:
    module, plain = nix.eval(
        f"""[ ({config("")}).services.ai-models.models.m.package.drvPath
              (lib.fetchModel ({MODEL} // {{ name = "m"; }})).drvPath ]"""
    )
    assert module == plain


def test_services_get_variables_group_and_order(nix: Nix) -> None:
    got = value(
        nix,
        config(
            'allowedUsers = [ ]; services.vllm.models = [ "m" ];',
            f"""m = {MODEL} // {{ integration.environment.WEIGHTS = "@out@/w"; }};
                other = {MODEL.replace("/name", "/other")};""",
        ),
        "config.systemd.services.vllm",
    )
    path = "/var/cache/ai-models/models/m"
    assert got["environment"]["M_MODEL_PATH"] == path
    assert got["environment"]["WEIGHTS"] == f"{path}/w"
    assert "OTHER_MODEL_PATH" not in got["environment"]
    assert got["environment"]["HF_HUB_CACHE"] == "/var/cache/ai-models/hub"
    assert got["serviceConfig"] == {"SupplementaryGroups": ["ai-models"]}
    assert got["after"] == got["requires"] == ["ai-models.service"]


def test_lazy_models_have_a_unit_that_services_wait_for(nix: Nix) -> None:
    got = value(
        nix,
        config(
            'services.vllm.models = [ "m" ]; tokenFile = "/run/secrets/hf";',
            f"m = {MODEL} // {{ lazy = true; }};",
        ),
        "config.systemd.services",
    )
    assert got["vllm"]["requires"] == ["ai-models.service", "ai-models-fetch-m.service"]
    unit = got["ai-models-fetch-m"]
    assert unit["wantedBy"] == []
    assert unit["path"] == ["/nix-package"]
    assert unit["serviceConfig"]["EnvironmentFile"] == ["/run/secrets/hf"]
    assert unit["serviceConfig"]["ExecStart"].endswith("-m/bin/fetch-m /var/lib/ai-models/m/model")
    assert unit["serviceConfig"]["StateDirectory"] == "ai-models/m"
    assert unit["serviceConfig"]["Restart"] == "on-failure"
    boot = value(
        nix,
        config('lazyFetch = "boot";', f"m = {MODEL} // {{ lazy = true; }};"),
        "config.systemd.services.ai-models-fetch-m.wantedBy",
    )
    assert boot == ["multi-user.target"]


def test_ollama_and_llama_cpp_are_served_from_the_store(nix: Nix) -> None:
    got = value(
        nix,
        config(
            'llama-cpp = { model = "m"; file = "q4.gguf"; };',
            f"m = {MODEL} // {{ integration.wrappers.ollama.enable = true; }};",
        ),
        """{ inherit (config.services) ollama llama-cpp; unit = config.systemd.services.llama-cpp;
             m = toString config.services.ai-models.models.m.package; }""",
    )
    assert got["ollama"]["models"].endswith("-ai-models-ollama")
    assert got["ollama"]["environmentVariables"] == {"OLLAMA_NOPRUNE": "1"}
    assert got["llama-cpp"] == {"model": f"{got['m']}/q4.gguf"}
    assert got["unit"]["after"] == ["ai-models.service"]


def test_the_daemon_gets_the_token_and_the_download_cache(nix: Nix) -> None:
    got = value(
        nix,
        config('tokenFile = "/run/agenix/hf"; downloadCache = "/var/cache/dl";'),
        """{ daemon = config.systemd.services.nix-daemon; inherit (config.nix) settings;
             inherit (config.systemd.tmpfiles) rules; }""",
    )
    assert got["daemon"]["serviceConfig"] == {"EnvironmentFile": ["-/run/agenix/hf"]}
    assert got["settings"] == {"extra-sandbox-paths": ["/var/cache/nix-ai-models=/var/cache/dl"]}
    assert "d /var/cache/dl 2770 root nixbld 30d" in got["rules"]


def lock(tmp_path: Path) -> Path:
    path = tmp_path / "models.lock.json"
    file = {"sha256": HASH, "size": 0}
    entry = {
        "source": {"huggingface": {"repo": "org/a", "revision": "main"}},
        "revision": "0" * 40,
        "lockedAt": "2026-11-20T12:00:00Z",
        "files": {"config.json": file},
    }
    path.write_text(json.dumps({"version": 1, "models": {"a": entry, "b": entry}}))
    return path


def test_the_lock_file_declares_its_models(nix: Nix, tmp_path: Path) -> None:
    evaluated = config(
        f"lockFile = {lock(tmp_path)};", 'a.security.policy = "scanned"; b.enable = false;'
    )
    got = value(nix, evaluated, "builtins.attrNames config.services.ai-models.models")
    assert got == ["a", "b"]
    assert [link["model"] for link in manifest(nix, evaluated)["links"]] == ["a"]
    same = nix.eval(
        f"""let a = (lib.fromLock {lock(tmp_path)}).a; in [
          ({evaluated}).services.ai-models.models.a.package.drvPath
          (a.override {{ security.policy = "scanned"; }}).drvPath ]"""
    )
    assert same[0] == same[1]


def test_two_revisions_of_a_repository_share_an_entry(nix: Nix) -> None:
    one = f"""{{ source = "hf:org/name@v1"; hash = "{HASH}";
      integration.huggingface = {{ enable = true; refs = [ "v1" ]; }}; }}"""
    evaluated = config("", f"one = {one}; m = {MODEL};")
    assert messages(nix, evaluated) == []
    links = [link for link in manifest(nix, evaluated)["links"] if "/hub/" in link["path"]]
    assert [link["model"] for link in links] == ["m, one"]
    assert links[0]["target"].endswith("-ai-models-cache/hub/models--org--name")


def test_a_model_may_be_in_another_cache_as_well(nix: Nix) -> None:
    evaluated = config(
        "",
        f"""m = {{ source = "hf:org/name"; hash = "{HASH}"; integration.huggingface = {{
          enable = true; systemCacheDir = "/var/cache/huggingface/hub"; }}; }};""",
    )
    paths = [link["path"] for link in manifest(nix, evaluated)["links"]]
    assert "/var/cache/huggingface/hub/models--org--name" in paths
    writable = nix.eval(f"({evaluated}).systemd.services.ai-models.serviceConfig.ReadWritePaths")
    assert writable == ["/var/cache/ai-models", "-/var/cache/huggingface/hub"]


def test_everything_wrong_is_told_at_once_by_its_option(nix: Nix, tmp_path: Path) -> None:
    got = messages(
        nix,
        config(
            f"""lockFile = {tmp_path}/none.json; services.x.models = [ "nope" ];
                llama-cpp.model = "nada"; tokenFile = "/nix/store/x-token"; """,
            f"""
            unpinned.source = "hf:org/a";
            bad-hash = {{ source = "hf:org/b"; hash = "sha256-x"; }};
            policy = {{ source = "hf:org/c"; hash = "{HASH}"; security.polcy = "off"; }};
            secret = {{ source = "hf:org/d"; hash = "{HASH}"; auth.token = "hf_secret"; }};
            where = {{ source.hugginface.repo = "org/e"; hash = "{HASH}"; }};
            phi-2 = {MODEL.replace("name", "f")};
            phi2 = {MODEL.replace("name", "f")};
            """,
        ),
    )
    twins = "`services.ai-models.models.phi-2` and `services.ai-models.models.phi2`"
    expected = [
        "`services.ai-models.lockFile` is not there",
        "services.ai-models.models.unpinned: the model is not pinned",
        "`services.ai-models.models.bad-hash.hash` must be a hash",
        "`services.ai-models.models.policy.security.polcy` is no attribute here",
        "`services.ai-models.models.secret.auth.token` is refused",
        '`services.ai-models.models.where.source` names no known type, got "hugginface"',
        f'{twins} both give the name "main"',
        f"{twins} would both be PHI2_MODEL",
        '`services.ai-models.services.x.models` names no enabled model, got "nope"',
        '`services.ai-models.llama-cpp.model` names no enabled model, got "nada"',
        "`services.ai-models.tokenFile` is in the store",
    ]
    for text in expected:
        assert any(message.startswith(text) for message in got), text
    assert len(got) == len(expected)
    assert "hf_secret" not in "".join(got)
    assert all("To fix, " in message for message in got)


# Each option of the module, a value, and what else has to be said for it to matter.
CHANGES = {
    "cacheDir": ('cacheDir = "/srv/models";', ""),
    "allowedUsers": ('allowedUsers = [ "a" ];', ""),
    "group": ('group = "ml";', 'allowedUsers = [ "a" ];'),
    "setSessionVariables": ("setSessionVariables = false;", ""),
    "services": ('services.x.models = [ "m" ];', ""),
    "ollama": ("ollama.enable = true;", ""),
    "llama-cpp": ('llama-cpp.file = "x.gguf";', 'llama-cpp.model = "m";'),
    "tokenFile": ('tokenFile = "/run/t";', ""),
    "downloadCache": ('downloadCache = "/var/dl";', ""),
    "lazyFetch": ('lazyFetch = "boot";', "models.m.lazy = true;"),
    "offline": ("offline = false;", ""),
    "enable": ("enable = lib.mkForce false;", ""),
    "models": (f"models.n = {MODEL.replace('name', 'n')};", ""),
    "lockFile": ("lockFile = @lock@;", ""),
    "library": ('library = lib.mkForce (ours // { mkManifest = _: "/other"; });', ""),
}


@pytest.mark.parametrize("option", sorted(CHANGES))
def test_every_option_is_read_by_something(nix: Nix, tmp_path: Path, option: str) -> None:
    change, beside = CHANGES[option]
    change = change.replace("@lock@", str(lock(tmp_path)))

    def result(more: str) -> Any:
        module = f"""{{ lib, ... }}: {{ imports = [
          {{ services.ai-models = {{ enable = true; models.m = {MODEL}; {beside} }}; }}
          {{ services.ai-models = {{ {more} }}; }}
        ]; }}"""
        evaluated = f"let ours = lib; in {nixos(module)}"
        return nix.eval(
            f"""let config = {evaluated}; in {{
              inherit (config) systemd users environment nix;
              ollama = config.services.ollama; llama = config.services.llama-cpp;
            }}"""
        )

    assert result("") != result(change)


def test_no_option_is_without_that_test(nix: Nix) -> None:
    options = nix.eval(
        "builtins.attrNames " + nixos("{ }").removesuffix(".config") + ".options.services.ai-models"
    )
    assert sorted(options) == sorted(CHANGES)
