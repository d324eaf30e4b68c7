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


def tried(folder: Path, path: Path, setting: str, value: object) -> str | None:
    """What a model is refused with one setting of a file changed; None if it loads."""
    written = path.read_text()
    path.write_text(json.dumps({**json.loads(written), setting: value}))
    try:
        load_model(folder)
    except ValueError as error:
        return str(error)
    finally:
        path.write_text(written)
    return None


@pytest.mark.parametrize("kind", ["model_index", "config", "scheduler_config", "tokenizer_config"])
def test_a_damaged_configuration_is_loaded_or_refused_in_one_line(folder: Path, kind: str) -> None:
    generator = np.random.default_rng(len(kind))
    refusals = []
    for path in sorted(folder.rglob(f"{kind}.json")):
        settings = sorted(json.loads(path.read_text()))
        for place, value in generator.integers((len(settings), len(WRONG)), size=(6, 2)):
            refusals.append(tried(folder, path, settings[place], WRONG[value]))
    assert any(refusals)
    assert not [text for text in refusals if text is not None and "\n" in text]


@pytest.mark.fuzz
@pytest.mark.timeout(1200)
def test_every_setting_of_a_model_may_be_anything(folder: Path) -> None:
    refusals = {}
    for path in sorted(folder.rglob("*.json")):
        for setting in json.loads(path.read_text()):
            for value in WRONG:
                refusals[path, setting, str(value)] = tried(folder, path, setting, value)
    assert not {case: text for case, text in refusals.items() if text and "\n" in text}


@pytest.mark.parametrize(
    ("part", "setting", "value"),
    [
        ("text_encoder", "num_hidden_layers", 10**12),
        ("unet", "reverse_transformer_layers_per_block", [10**7]),
        ("vae", "layers_per_block", 1e30),
    ],
)
def test_more_layers_than_can_be_built_are_refused(
    folder: Path, part: str, setting: str, value: object
) -> None:
    refusal = tried(folder, folder / part / "config.json", setting, value)
    assert refusal is not None
    assert f"expected {setting} of at most 1000, got 1e+" in refusal


def test_an_empty_list_in_an_index_names_no_part(folder: Path) -> None:
    assert tried(folder, folder / "model_index.json", "_diffusers_version", []) is None


@pytest.mark.parametrize("places", [(0, 8), (8, 400)], ids=["length", "header"])
def test_damaged_weights_are_refused_in_one_line(folder: Path, places: tuple[int, int]) -> None:
    weights = folder / "vae" / "diffusion_pytorch_model.safetensors"
    written = weights.read_bytes()
    low, high = places
    for place, bit in np.random.default_rng(0).integers((low, 0), (high, 8), size=(8, 2)):
        damaged = bytearray(written)
        damaged[place] ^= 1 << int(bit)
        weights.write_bytes(damaged)
        with pytest.raises(ValueError, match="vae") as refused:
            load_model(folder)
        assert "\n" not in str(refused.value)
