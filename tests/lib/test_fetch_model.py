"""What fetchModel evaluates to."""

from tests.nix import Nix

PINNED = "hash = lib.fakeHash;"


def test_the_name_comes_from_the_source(nix: Nix) -> None:
    assert (
        nix.eval(f'(lib.fetchModel {{ source = "hf:org/Some-Model"; {PINNED} }}).name')
        == "Some-Model"
    )


def test_three_ways_to_write_a_source_are_one_derivation(nix: Nix) -> None:
    nested, flat, text = nix.eval(
        f"""map (m: m.drvPath) [
          (lib.fetchModel {{ source.huggingface = {{ repo = "a/b"; revision = "main"; }}; {PINNED} }})
          (lib.fetchModel {{ source = "huggingface"; repo = "a/b"; revision = "main"; {PINNED} }})
          (lib.fetchModel {{ source = "huggingface:a/b@main"; {PINNED} }})
        ]"""
    )
    assert nested == flat == text
