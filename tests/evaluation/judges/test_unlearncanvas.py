"""Weights by timm's names give the logits of the model that they are of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from pipeline.evaluation.judges.unlearncanvas import unlearncanvas_judge
from tests.evaluation.judges.tiny import CPU, TimmTransformer, pictures

NAMES = "Van_Gogh\nPicasso\n\nMonet\n"


@pytest.fixture
def model() -> TimmTransformer:
    torch.manual_seed(0)
    return TimmTransformer(3).eval()


def test_it_is_the_same_transformer(model: TimmTransformer, tmp_path: Path) -> None:
    judge = unlearncanvas_judge(model.save(tmp_path / "style", NAMES), "style", CPU)
    shown = pictures(70, side=16)
    with torch.no_grad():
        logits = model(shown)
    sight = judge.look(shown)
    assert judge.axes == {"style": ["Van_Gogh", "Picasso", "Monet"]}
    assert logits.std() > 0.1
    torch.testing.assert_close(
        sight.probabilities["style"], logits.double().softmax(1), rtol=0, atol=1e-5
    )
    assert sight.features is not None
    assert sight.features.shape == (70, 128)
    torch.testing.assert_close(model.head(sight.features), logits, rtol=0, atol=1e-4)


def test_pictures_are_brought_to_its_size(model: TimmTransformer, tmp_path: Path) -> None:
    judge = unlearncanvas_judge(model.save(tmp_path / "style", NAMES), "style", CPU)
    large = pictures(3, side=40)
    small = F.interpolate(large, (16, 16), mode="bilinear", antialias=True)
    torch.testing.assert_close(
        judge.look(large).probabilities["style"], judge.look(small).probabilities["style"]
    )


def test_its_names_may_stand_in_a_list(model: TimmTransformer, tmp_path: Path) -> None:
    folder = model.save(tmp_path / "style", "")
    (folder / "classes.json").write_text(json.dumps(["a", "b", "c"]))
    assert unlearncanvas_judge(folder, "style", CPU).axes == {"style": ["a", "b", "c"]}
    (folder / "classes.json").write_text(json.dumps({"0": "a"}))
    with pytest.raises(ValueError, match=r"classes\.json: expected a list of names"):
        unlearncanvas_judge(folder, "style", CPU)


@pytest.mark.parametrize("names", ["one\ntwo\n", ""])
def test_every_class_has_a_name(model: TimmTransformer, tmp_path: Path, names: str) -> None:
    folder = model.save(tmp_path / "style", names)
    with pytest.raises(ValueError, match="expected a name for each of the 3 classes"):
        unlearncanvas_judge(folder, "style", CPU)
    (folder / "classes.txt").unlink()
    with pytest.raises(ValueError, match="expected the names of the classes"):
        unlearncanvas_judge(folder, "style", CPU)


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "style.pth").write_bytes(b"code")
    with pytest.raises(ValueError, match=r"found 0; published ones are pickles.*save_file"):
        unlearncanvas_judge(tmp_path, "style", CPU)


@pytest.mark.parametrize(
    ("dropped", "told"), [("head.weight", "no parameter of the name"), ("norm.bias", "Missing")]
)
def test_other_weights_are_refused(
    model: TimmTransformer, tmp_path: Path, dropped: str, told: str
) -> None:
    folder = model.save(tmp_path / "style", NAMES)
    path = folder / "model.safetensors"
    save_file({name: t for name, t in load_file(path).items() if name != dropped}, path)
    with pytest.raises(ValueError, match=rf"by timm's names, got: (.|\n)*{told}"):
        unlearncanvas_judge(folder, "style", CPU)


def test_heads_that_cannot_be_told_from_shapes_are_refused(tmp_path: Path) -> None:
    class Odd(TimmTransformer):
        def __init__(self) -> None:
            super().__init__(3, width=128)
            self.proj = torch.nn.Conv2d(3, 96, 4, 4)

    with pytest.raises(ValueError, match="a width of 96, where heads of 64"):
        unlearncanvas_judge(Odd().save(tmp_path / "style", NAMES), "style", CPU)
