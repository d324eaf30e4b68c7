"""Folders of real models at their true size, without their weights: what a plan is made from.

Configurations are those that the models are published with; tokenizers are the tiny ones, as no
number of a plan depends on how a word is cut. Each part has one file of one number, which says in
which precision the published weights are.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxTransformer2DModel,
    ModelMixin,
    PNDMScheduler,
    SD3Transformer2DModel,
    UNet2DConditionModel,
    UNet2DModel,
)
from safetensors.torch import save_file
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    PreTrainedModel,
    T5Config,
    T5EncoderModel,
)

from tests.diffusion.tiny.stable_diffusion import NOISE_LEVELS
from tests.diffusion.tiny.t5 import t5_tokenizer
from tests.diffusion.tiny.tokenizers import clip_tokenizer

CIFAR10: Final = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
_LENGTH: Final = 77
"""Tokens that a CLIP reads."""


def true_size(name: str, folder: Path) -> Path:
    """Write a model's folder, `sd15`, `sdxl`, `sd3`, `flux` or `cifar10`; returns it."""
    with torch.device("meta"):
        pipeline, parts, precision = _MODELS[name]()
    index: dict[str, Any] = {"_class_name": pipeline}
    for part, planned in parts.items():
        # Schedulers hold real numbers, and are made out of reach of the meta device.
        made = planned() if isinstance(planned, partial) else planned
        library = type(made).__module__.partition(".")[0]
        index[part] = [library, type(made).__name__]
        match made:
            case PreTrainedModel():
                made.config.save_pretrained(folder / part)
                stem = "model"
            case ModelMixin():
                made.save_config(folder / part)
                stem = "diffusion_pytorch_model"
            case _:  # schedulers and tokenizers have no weights
                made.save_pretrained(folder / part)
                continue
        number = {"number": torch.zeros(1, dtype=precision)}
        save_file(number, folder / part / f"{stem}.safetensors")
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _sd15() -> tuple[str, dict[str, Any], torch.dtype]:
    """stable-diffusion-v1-5/stable-diffusion-v1-5; UnlearnCanvas's base is of this size too."""
    unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    levels = {name: value for name, value in NOISE_LEVELS.items() if name != "clip_sample"}
    parts = {
        "unet": unet,
        "vae": _autoencoder(sample_size=512),
        "text_encoder": CLIPTextModel(_clip_l()),
        "tokenizer": _tokenizer(),
        "scheduler": partial(PNDMScheduler, skip_prk_steps=True, **levels),
    }
    return "StableDiffusionPipeline", parts, torch.float32


def _sdxl() -> tuple[str, dict[str, Any], torch.dtype]:
    """stabilityai/stable-diffusion-xl-base-1.0."""
    unet = UNet2DConditionModel(
        sample_size=128,
        block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10),
        attention_head_dim=(5, 10, 20),
        cross_attention_dim=2048,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )
    parts = {
        "unet": unet,
        "vae": _autoencoder(sample_size=1024, scaling_factor=0.13025),
        "text_encoder": CLIPTextModel(_clip_l()),
        "text_encoder_2": CLIPTextModelWithProjection(_clip_g()),
        "tokenizer": _tokenizer(),
        "tokenizer_2": _tokenizer(),
        "scheduler": partial(EulerDiscreteScheduler),
    }
    return "StableDiffusionXLPipeline", parts, torch.float32


def _sd3() -> tuple[str, dict[str, Any], torch.dtype]:
    """stabilityai/stable-diffusion-3.5-medium."""
    transformer = SD3Transformer2DModel(
        sample_size=128,
        num_layers=24,
        num_attention_heads=24,
        caption_projection_dim=1536,
        out_channels=16,
        pos_embed_max_size=384,
        dual_attention_layers=tuple(range(13)),
        qk_norm="rms_norm",
    )
    parts = {
        "transformer": transformer,
        "vae": _autoencoder_of_16(sample_size=1024, scaling_factor=1.5305, shift_factor=0.0609),
        "text_encoder": CLIPTextModelWithProjection(_clip_l()),
        "text_encoder_2": CLIPTextModelWithProjection(_clip_g()),
        "text_encoder_3": T5EncoderModel(_t5_xxl()),
        "tokenizer": _tokenizer(),
        "tokenizer_2": _tokenizer(),
        "tokenizer_3": t5_tokenizer(),
        "scheduler": partial(FlowMatchEulerDiscreteScheduler, shift=3.0),
    }
    return "StableDiffusion3Pipeline", parts, torch.bfloat16


def _flux() -> tuple[str, dict[str, Any], torch.dtype]:
    """black-forest-labs/FLUX.1-dev."""
    tokenizer_2 = t5_tokenizer()
    tokenizer_2.model_max_length = 512
    parts = {
        "transformer": FluxTransformer2DModel(guidance_embeds=True),
        "vae": _autoencoder_of_16(sample_size=1024, scaling_factor=0.3611, shift_factor=0.1159),
        "text_encoder": CLIPTextModel(_clip_l()),
        "text_encoder_2": T5EncoderModel(_t5_xxl()),
        "tokenizer": _tokenizer(),
        "tokenizer_2": tokenizer_2,
        "scheduler": partial(FlowMatchEulerDiscreteScheduler, shift=3.0, use_dynamic_shifting=True),
    }
    return "FluxPipeline", parts, torch.bfloat16


def _cifar10() -> tuple[str, dict[str, Any], torch.dtype]:
    """The U-Net of google/ddpm-cifar10-32 with ten classes and a null class."""
    unet = UNet2DModel(
        sample_size=32,
        block_out_channels=(128, 256, 256, 256),
        down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=None,
        num_class_embeds=len(CIFAR10) + 1,
    )
    unet.register_to_config(id2label={str(label): name for label, name in enumerate(CIFAR10)})
    return "DDPMPipeline", {"unet": unet, "scheduler": partial(DDPMScheduler)}, torch.float32


_MODELS: Final = {"sd15": _sd15, "sdxl": _sdxl, "sd3": _sd3, "flux": _flux, "cifar10": _cifar10}


def _autoencoder(**settings: Any) -> AutoencoderKL:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        **settings,
    )


def _autoencoder_of_16(**settings: Any) -> AutoencoderKL:
    return _autoencoder(
        latent_channels=16, use_quant_conv=False, use_post_quant_conv=False, **settings
    )


def _tokenizer() -> Any:
    tokenizer = clip_tokenizer()
    tokenizer.model_max_length = _LENGTH
    return tokenizer


def _clip_l() -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        projection_dim=768,
    )


def _clip_g() -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=1280,
        intermediate_size=5120,
        num_hidden_layers=32,
        num_attention_heads=20,
        projection_dim=1280,
        hidden_act="gelu",
    )


def _t5_xxl() -> T5Config:
    return T5Config(
        d_model=4096,
        d_ff=10240,
        d_kv=64,
        num_heads=64,
        num_layers=24,
        feed_forward_proj="gated-gelu",
    )
