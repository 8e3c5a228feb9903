"""perSystem.ai-models, evaluated with the real flake-parts; and dev shells without it."""

from tests.modules.evaluated import per_system
from tests.nix import Nix

HASH = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
MODEL = f'{{ source = "hf:microsoft/phi-2"; hash = "{HASH}"; }}'


def config(body: str) -> str:
    return per_system(f"{{ ai-models = {{ enable = true; {body} }}; }}")


def test_models_are_packages_and_one_shell_hook(nix: Nix) -> None:
    got = nix.eval(
        f"""let flake = {config(f"models.phi-2 = {MODEL};")}; in {{
          packages = builtins.mapAttrs (_: p: p.name) flake.packages.x86_64-linux;
          inherit (flake.ai-models) shellHook shellPackages;
          package = toString flake.ai-models.models.phi-2.package;
          inherit (flake.ai-models.models.phi-2) path;
        }}"""
    )
    assert got["packages"] == {"phi-2": "phi-2"}
    assert got["path"] == got["package"]
    assert f"export PHI2_MODEL_PATH='{got['package']}'\n" in got["shellHook"]
    assert f"export HF_HUB_CACHE='{got['package']}/hub'\n" in got["shellHook"]
    assert len(got["shellPackages"]) == 1


def test_models_may_stay_out_of_the_packages(nix: Nix) -> None:
    got = nix.eval(f"({config(f'exportPackages = false; models.m = {MODEL};')}).packages")
    assert got == {"x86_64-linux": {}}


def test_what_is_wrong_is_told_by_its_option(nix: Nix) -> None:
    error = nix.eval_fails(
        f'({config("""models.m.hash = "x"; models.n.source = "hf:a/b";""")}).packages'
    )
    assert "`perSystem.ai-models.models.m.hash` must be a hash" in error
    assert "perSystem.ai-models.models.n: the model is not pinned" in error


def test_two_models_in_a_shell_have_one_cache(nix: Nix) -> None:
    got = nix.eval(
        f"""lib.mkShellHook {{
          a = lib.fetchModel ({MODEL} // {{ name = "a"; }});
          b = lib.fetchModel ({MODEL} // {{ name = "b"; integration.environment.B = "@out@/b"; }});
        }}"""
    )
    assert "-ai-models-cache/hub'\n" in got
    assert "export A_MODEL_PATH=" in got
    assert "-b/b'\n" in got


def test_a_model_that_no_cache_can_hold_is_named(nix: Nix, tmp_path: object) -> None:
    error = nix.eval_fails(
        f"""(lib.mkHfCache [ (lib.fetchModel {{
          source.local.path = {tmp_path}; fileHashes.x = "{HASH}"; name = "loose"; }}) ]).drvPath"""
    )
    assert (
        'mkHfCache: `models` has a model that no Hugging Face cache can hold, got "loose"' in error
    )
