"""A model whose index names shards that are not there is refused."""

import json
from pathlib import Path

import pytest

from common.errors import ModelError
from layouts.completeness import check
from layouts.place import Item, describe


def items(tmp_path: Path, **files: str) -> list[Item]:
    """Give files of a model; ``__`` in a name stands for a dot, ``_in_`` for a slash."""
    found = []
    for number, (name, content) in enumerate(files.items()):
        local = tmp_path / str(number)
        local.write_text(content)
        found.append(describe(name.replace("_in_", "/").replace("__", "."), local))
    return found


def index(*names: str) -> str:
    return json.dumps({"weight_map": {f"layer.{name}": name for name in names}})


def test_a_complete_model_passes(tmp_path: Path) -> None:
    check(
        items(
            tmp_path,
            model__safetensors__index__json=index("a.safetensors", "b.safetensors"),
            a__safetensors="",
            b__safetensors="",
            unet_in_diffusion__safetensors__index__json=index("c.safetensors"),
            unet_in_c__safetensors="",
        )
    )


def test_every_missing_file_of_every_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        check(
            items(
                tmp_path,
                model__safetensors__index__json=index(
                    "a.safetensors", "b.safetensors", "c.safetensors"
                ),
                a__safetensors="",
                unet_in_x__safetensors__index__json=index("d.safetensors"),
            )
        )
    text = str(caught.value)
    assert "model.safetensors.index.json names 2 of 3 files that are not there" in text
    assert "b.safetensors, c.safetensors" in text
    assert "names 1 of 1 files that are not there: unet/d.safetensors" in text
    assert "validateCompleteness = false;" in text


def test_the_index_of_weights_that_were_left_out_is_excused(tmp_path: Path) -> None:
    """`lock` prefers safetensors and leaves the shards of the other format out."""
    left_out = {"pytorch_model__bin__index__json": index("p-1.bin", "p-2.bin")}
    check(items(tmp_path, **left_out, model__safetensors=""))
    check(
        items(
            tmp_path,
            **left_out,
            model__safetensors__index__json=index("a.safetensors"),
            a__safetensors="",
        )
    )
    with pytest.raises(ModelError, match=r"p-1\.bin"):
        check(items(tmp_path, **left_out, other_in_model__safetensors=""))
    with pytest.raises(ModelError, match=r"p-1\.bin"):
        check(
            items(
                tmp_path,
                **left_out,
                model__safetensors__index__json=index("a.safetensors", "b.safetensors"),
                a__safetensors="",
            )
        )


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": []}', '{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelError, match=r"x\.index\.json is no index"):
        check(items(tmp_path, x__index__json=text))


def test_an_index_without_weights_is_fine(tmp_path: Path) -> None:
    check(items(tmp_path, other__index__json='{"name": "something else"}'))
