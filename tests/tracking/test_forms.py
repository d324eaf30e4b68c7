"""The three forms of a promoted model show the same pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from pipeline.config import Experiment, LoraSettings, ModelConfig
from pipeline.diffusion import DiffusionModel, load_model
from pipeline.diffusion.lora import portable
from pipeline.diffusion.trained import copy_to_train
from pipeline.diffusion.weights import apply_weights, save_weights
from pipeline.tracking.forms import WEIGHTS_OF, Form, check_form, write_form
from tests.diffusion.tiny import build

LORA = LoraSettings(rank=2)
FORMS: tuple[Form, ...] = ("folder", "lora", "delta")


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


def adapters(base: DiffusionModel, train: str, path: Path) -> Path:
    """Adapters that do something, as a training leaves them."""
    settings = ModelConfig.model_validate({"train": train, "lora": LORA})
    factors = copy_to_train(base, settings, 3).parameters
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for factor in factors.values():
            factor.add_(0.15 * torch.randn(factor.shape, generator=generator))
    tensors = portable(factors, LORA, "" if train == "text_encoder" else base.family.denoiser)
    save_weights(tensors, path, torch.float32, {"base": base.fingerprint})
    return path


@torch.no_grad()
def prediction(model: DiffusionModel) -> Tensor:
    """In float32, where half precision would hide small differences."""
    noisy = torch.randn(2, *model.latent_shape, generator=torch.Generator().manual_seed(1))
    told = model.encode_prompts(["a red sneaker", "a mosaic of a bag"])
    return model.predict(model.denoiser, noisy, torch.tensor([900, 300]), told)


@pytest.mark.parametrize("train", ["cross_attention", "text_encoder"])
def test_all_forms_of_adapters_are_one_model(
    base: DiffusionModel, tmp_path: Path, train: str
) -> None:
    weights = adapters(base, train, tmp_path / "weights.safetensors")
    expected, before = prediction(apply_weights(base, weights)), prediction(base)
    change = float((expected - before).abs().max())
    for form in FORMS:
        model = write_form(form, base, weights, tmp_path / form)
        name = WEIGHTS_OF[form]
        files = [path.name for path in (tmp_path / form).iterdir()]
        assert "model_index.json" in files if name is None else files == [name]
        # Folder and delta are in the base's own half precision.
        assert float((prediction(model) - expected).abs().max()) < 0.03 * change, form
    plain = StableDiffusionPipeline.from_pretrained(base.folder)
    plain.load_lora_weights(tmp_path / "lora")
    part = getattr(plain, "unet" if train == "cross_attention" else "text_encoder")
    drawn = base.with_parts(
        {"unet" if train == "cross_attention" else "text_encoder": part}, "plain"
    )
    assert float((prediction(drawn) - expected).abs().max()) < 1e-3 * change


def test_a_delta_of_changed_weights_is_the_trials_own_file(
    base: DiffusionModel, tmp_path: Path
) -> None:
    parameters = copy_to_train(base, ModelConfig(), 0).parameters
    changed = {name: value.detach() + 0.05 for name, value in parameters.items()}
    weights = tmp_path / "weights.safetensors"
    save_weights(changed, weights, base.dtype, {"base": base.fingerprint})
    model = write_form("delta", base, weights, tmp_path / "delta")
    assert (tmp_path / "delta" / "weights.safetensors").read_bytes() == weights.read_bytes()
    assert model.fingerprint == apply_weights(base, weights).fingerprint


def test_adapters_are_kept_alone_only_where_there_are_some(tmp_path: Path) -> None:
    experiment = Experiment.model_validate(
        {"name": "e", "concept": {"kind": "object", "forget": ["sneaker"]}}
    )
    check_form("delta", experiment)
    with pytest.raises(ValueError, match="--as lora: expected a trial that trained adapters"):
        check_form("lora", experiment)
    dit = load_model(build("dit", tmp_path / "dit"))
    with pytest.raises(ValueError, match="for which diffusers reads adapters, got DiTPipeline"):
        write_form("lora", dit, tmp_path / "none", tmp_path / "out")
