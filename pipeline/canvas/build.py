"""`unlearn canvas build`: everything embedded, again, from Fashion-MNIST's files.

Stages run in order; a finished stage is skipped, an interrupted one goes on where it was. The
results lie in `weights/` of the work folder, laid out like the ones that ship.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args

import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPModel, CLIPTokenizer

from pipeline.canvas import autoencoder as vae
from pipeline.canvas import clip as clips
from pipeline.canvas import denoiser, judges
from pipeline.canvas.dataset import Dataset, compose_dataset, load_dataset, tokenize
from pipeline.canvas.manifest import write_manifest
from pipeline.canvas.measure import draw_contact_sheet
from pipeline.canvas.photographs import Split, read_photographs
from pipeline.canvas.schooling import Progress, Schedule, school
from pipeline.diffusion.weights import load_in_full_precision
from pipeline.evaluation.classifier import Architecture, AxisClassifier

Stage = Literal[
    "data",
    "autoencoder",
    "clip",
    "classifier",
    "second-classifier",
    "denoiser",
    "typical-denoiser",
    "clip-naming",
    "manifest",
]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)

_T = TypeVar("_T")

_TRAIN_PICTURES = 128_000
_TEST_PICTURES = 8_000


def build(photographs: Path, work: Path, stages: tuple[Stage, ...], progress: Progress) -> None:
    """Run the stages that are not finished yet.

    A finished stage has left `STAGE.done` in `work`; who removes one to have it made again should
    remove those of the later stages too.

    Args:
        photographs: folder of Fashion-MNIST's files.
        work: folder for everything made on the way, and the results.
        stages: which to run, in this order.
        progress: told what is done of what.
    """
    work.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        done = work / f"{stage}.done"
        if done.is_file():
            continue
        _run(stage, photographs, work, progress)
        done.touch()
        (work / f"{stage}.state.safetensors").unlink(missing_ok=True)


def _run(stage: Stage, photographs: Path, work: Path, progress: Progress) -> None:
    match stage:
        case "data":
            _build_data(photographs, work, progress)
        case "autoencoder":
            _build_autoencoder(work, progress)
        case "clip":
            _build_clip(work, progress)
        case "classifier":
            _build_classifier(work, "plain", progress)
        case "second-classifier":
            _build_classifier(work, "residual", progress)
        case "denoiser":
            _build_denoiser(work, progress)
        case "typical-denoiser":
            _build_typical_denoiser(work, progress)
        case "clip-naming":
            _build_clip_naming(work, progress)
        case "manifest":
            _publish(work, progress)


def _build_data(photographs: Path, work: Path, progress: Progress) -> None:
    splits: tuple[tuple[Split, int, int], ...] = (
        ("train", _TRAIN_PICTURES, 0),
        ("test", _TEST_PICTURES, 1),
    )
    for split, count, seed in splits:

        def tell(done: int, total: int, name: str = f"{split} pictures") -> None:
            progress(name, done, total, 0.0)

        compose_dataset(
            read_photographs(photographs, split),
            count,
            seed,
            work / split,
            all_combinations=split == "test",
            progress=tell,
        )


def _train_data(work: Path) -> Dataset:
    return load_dataset(work / "train")


def _tokenizer(work: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(work / "tokenizer")


def _build_autoencoder(work: Path, progress: Progress) -> None:
    data, model = _train_data(work), _seeded(vae.new_autoencoder, seed=1)
    loss = partial(vae.autoencoder_loss, model, data, vae.SCHEDULE.batch)
    school("autoencoder", {"autoencoder": model}, loss, vae.SCHEDULE, work, progress)
    vae.set_scale(model, data)
    model.half().save_pretrained(work / "autoencoder")
    (work / "latents.safetensors").unlink(missing_ok=True)


def _build_clip(work: Path, progress: Progress) -> None:
    data, tokenizer = _train_data(work), _tokenizer(work)
    model = _seeded(partial(clips.new_clip, tokenizer), seed=2)
    loss = partial(clips.clip_loss, model, data, clips.SCHEDULE.batch)
    school("clip", {"clip": model}, loss, clips.SCHEDULE, work, progress)
    _save_clip(model, tokenizer, work / "clip")


def _build_clip_naming(work: Path, progress: Progress) -> None:
    tokenizer = _tokenizer(work)
    model = CLIPModel.from_pretrained(work / "clip", dtype=torch.float32)
    loss = clips.NamingLoss(model, tokenizer, _train_data(work))
    school("clip-naming", {"clip": model}, loss, clips.NAMING_SCHEDULE, work, progress)
    _save_clip(model, tokenizer, work / "clip-naming")


def _save_clip(model: CLIPModel, tokenizer: CLIPTokenizer, folder: Path) -> None:
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    clips.image_processor().save_pretrained(folder)


def _build_classifier(work: Path, architecture: Architecture, progress: Progress) -> None:
    first = architecture == "plain"
    name = "classifier" if first else "second-classifier"
    schedule = judges.SCHEDULE if first else judges.SECOND_SCHEDULE
    model = _seeded(partial(judges.new_classifier, architecture), seed=schedule.seed)
    loss = partial(judges.classifier_loss, model, _train_data(work), schedule.batch)
    school(name, {"classifier": model}, loss, schedule, work, progress)
    model.save(work / name)


def _build_denoiser(work: Path, progress: Progress) -> None:
    clip = CLIPModel.from_pretrained(work / "clip", dtype=torch.float32)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(work / "autoencoder", dtype=torch.float32),
        text_encoder=denoiser.text_encoder_of(clip),
        tokenizer=_tokenizer(work),
        unet=_seeded(denoiser.new_unet, seed=denoiser.SCHEDULE.seed),
        scheduler=denoiser.noise_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    data = _train_data(work)
    rows = torch.arange(len(data))
    _train_pipeline("denoiser", pipeline, data, rows, denoiser.SCHEDULE, work, progress)
    pipeline.save_pretrained(work / "denoiser")


def _build_typical_denoiser(work: Path, progress: Progress) -> None:
    """Go on with pictures that nobody could take for another object, at a lower rate."""
    pipeline = StableDiffusionPipeline.from_pretrained(work / "denoiser", dtype=torch.float32)
    data = _train_data(work)
    eyes = [AxisClassifier.load(work / name) for name in ("classifier", "second-classifier")]
    rows = judges.typical(eyes, data).nonzero().flatten()
    schedule = denoiser.TYPICAL_SCHEDULE
    _train_pipeline("typical-denoiser", pipeline, data, rows, schedule, work, progress)
    pipeline.save_pretrained(work / "base")


def _train_pipeline(
    name: str,
    pipeline: StableDiffusionPipeline,
    data: Dataset,
    rows: Tensor,
    schedule: Schedule,
    work: Path,
    progress: Progress,
) -> None:
    """Train U-Net and text encoder in place on some rows of the data, and halve the precision."""
    latents = _latents(work, pipeline.vae, data)
    empty = tokenize(pipeline.tokenizer, [""])[0]
    unet = pipeline.unet.to(memory_format=torch.channels_last)
    modules = {"unet": unet, "text_encoder": pipeline.text_encoder}
    loss = denoiser.DenoiserLoss(
        unet, pipeline.text_encoder, latents[rows], data.token_ids[rows], empty, schedule.batch
    )
    school(name, modules, loss, schedule, work, progress)
    pipeline.to(dtype=torch.float16)


def _publish(work: Path, progress: Progress) -> None:
    weights = work / "weights"
    for made, part in (
        ("base", "base"),
        ("clip-naming", "clip"),
        ("classifier", "classifier"),
        ("second-classifier", "second-classifier"),
    ):
        shutil.copytree(work / made, weights / part, dirs_exist_ok=True)
    for path in weights.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes files that their owner alone can read
    load_in_full_precision(weights / "base")
    write_manifest(
        weights,
        work / "test",
        lambda done, total: progress("generations for the manifest", done, total, 0.0),
    )
    draw_contact_sheet(weights / "base", work / "contact-sheet.png")


def _latents(work: Path, autoencoder: AutoencoderKL, data: Dataset) -> Tensor:
    path = work / "latents.safetensors"
    if not path.is_file():
        save_file({"latents": vae.encode(autoencoder, data.pictures)}, path)
    return load_file(path)["latents"]


def _seeded(make: Callable[[], _T], seed: int) -> _T:
    """Build a module whose initial weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
