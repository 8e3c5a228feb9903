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
        """map (source: (lib.fetchModel (source // { hash = lib.fakeHash; })).drvPath) [
          { source.huggingface = { repo = "a/b"; revision = "main"; }; }
          { source = "huggingface"; repo = "a/b"; revision = "main"; }
          { source = "huggingface:a/b@main"; }
        ]"""
    )
    assert nested == flat == text
