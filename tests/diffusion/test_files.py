"""A model's folder: damaged weights, and links that lead out of it, are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from pipeline.config import embedded
from pipeline.diffusion import load_model

WRONG: Final[tuple[object, ...]] = (
    None,
    -1,
    0,
    True,
    "x",
    [],
    {},
    ["x"],
    [10**7],
    1e30,
    float("nan"),
    "../../etc/passwd",
)
"""What a setting might be that was not written by a library."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = embedded("base", "fashion-canvas")
    assert source is not None
    return Path(shutil.copytree(source, tmp_path / "model"))


def test_a_cut_file_is_refused(folder: Path) -> None:
    weights = folder / "text_encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"text_encoder: expected whole weights that fit"):
        load_model(folder)


@pytest.mark.parametrize("part", ["text_encoder", "vae"])
def test_weights_of_another_shape_are_refused(folder: Path, part: str) -> None:
    (weights,) = (folder / part).glob("*.safetensors")
    tensors = load_file(weights)
    name = max(tensors, key=lambda name: tensors[name].numel())
    tensors[name] = tensors[name][:-1].clone()
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(ValueError, match=rf"{part}: expected whole weights that fit"):
        load_model(folder)


@pytest.mark.parametrize("part", ["text_encoder", "vae"])
def test_missing_weights_are_not_drawn_at_random(folder: Path, part: str) -> None:
    (weights,) = (folder / part).glob("*.safetensors")
    tensors = load_file(weights)
    del tensors[max(tensors, key=lambda name: tensors[name].numel())]
    save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(ValueError, match=rf"{part}: expected all weights .* none for 1 of them"):
        load_model(folder)


@pytest.mark.parametrize("name", ["unet/config.json", "vae/diffusion_pytorch_model.safetensors"])
def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(ValueError, match="own folder, got a link to"):
        load_model(folder)


def test_a_part_of_another_library_is_refused(folder: Path) -> None:
    index = folder / "model_index.json"
    tree = json.loads(index.read_text()) | {"unet": ["os", "system"]}
    index.write_text(json.dumps(tree))
    with pytest.raises(ValueError, match="expected unet to be of diffusers or transformers"):
        load_model(folder)


@pytest.mark.parametrize("kind", ["model_index", "config", "scheduler_config", "tokenizer_config"])
def test_a_damaged_configuration_is_loaded_or_refused_in_one_line(folder: Path, kind: str) -> None:
    generator = np.random.default_rng(len(kind))
    refusals = []
    for path in sorted(folder.rglob(f"{kind}.json")):
        written = path.read_text()
        tree = json.loads(written)
        settings = sorted(tree)
        for place, value in generator.integers((len(settings), len(WRONG)), size=(6, 2)):
            path.write_text(json.dumps({**tree, settings[place]: WRONG[value]}))
            try:
                load_model(folder)
            except ValueError as error:
                refusals.append(str(error))
        path.write_text(written)
    assert refusals
    assert not [text for text in refusals if "\n" in text]


def test_a_damaged_header_of_weights_is_refused_in_one_line(folder: Path) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    written = weights.read_bytes()
    for place, bit in np.random.default_rng(0).integers((8, 8), size=(8, 2)):
        damaged = bytearray(written)
        damaged[place] ^= 1 << int(bit)
        weights.write_bytes(damaged)
        with pytest.raises(ValueError, match="vae") as refused:
            load_model(folder)
        assert "\n" not in str(refused.value)
