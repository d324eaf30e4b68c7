"""Export: what comes out is loaded by plain diffusers, in a process that knows nothing of us."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.diffusion.load import load_model
from pipeline.diffusion.weights import apply_weights
from tests.cli.in_process import assert_refused, tell
from tests.tracking.registered import Registered

# Isolated: no PYTHONPATH, no current folder, no user's packages.
CLEAN = """
import sys, torch
from diffusers import DiffusionPipeline
torch.set_num_threads(1)
for place in sys.argv[2:]:
    if place.endswith("lora"):
        pipe = DiffusionPipeline.from_pretrained(sys.argv[1])
        pipe.load_lora_weights(place)
    else:
        pipe = DiffusionPipeline.from_pretrained(place)
    pipe.set_progress_bar_config(disable=True)
    side, channels = pipe.unet.config.sample_size, pipe.unet.config.in_channels
    latents = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(3))
    told = pipe("a sneaker", latents=latents, num_inference_steps=1, output_type="latent")
    print(float(told.images.double().std()))
assert "pipeline" not in sys.modules
"""


@pytest.fixture(autouse=True)
def _at_home(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_HOME", str(registered.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registered.uri)


def test_exports_are_loaded_by_plain_diffusers_alone(
    registered: Registered, tmp_path: Path
) -> None:
    for version, name, more in (
        ("tiny/1", "whole", []),
        ("tiny/2", "delta", []),
        ("ada/1", "merged", []),
        ("ada@champion", "lora", ["--as", "lora"]),
    ):
        (tmp_path / "lora").mkdir(exist_ok=True)  # an empty folder will do
        told = tell("export", version, tmp_path / name, *more)
        assert (told.code, told.out) == (0, f"{tmp_path / name}\n"), told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["delta", "lora", "merged", "whole"]
    assert tell("verify", tmp_path / "whole", "--pictures", 0).code == 0

    # Both were trained by the same trial: the delta around its base is the whole model.
    base = load_model("fashion-canvas")
    whole, delta = load_model(tmp_path / "whole"), load_model(tmp_path / "delta")
    for one, other in zip(whole.denoiser.parameters(), delta.denoiser.parameters(), strict=True):
        assert torch.equal(one, other)
    changed = any(
        not torch.equal(one, other)
        for one, other in zip(whole.denoiser.parameters(), base.denoiser.parameters(), strict=True)
    )
    assert changed
    origin = json.loads((tmp_path / "delta" / "promoted.json").read_text())
    assert origin["model"] == registered.promotions["tiny/2"].report.model

    ran = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN, str(base.folder), *_places(tmp_path, "whole", "lora")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(set(ran.stdout.split())) == 2
    adapters = apply_weights(base, tmp_path / "lora" / "pytorch_lora_weights.safetensors")
    assert adapters.fingerprint == registered.promotions["ada/1"].report.model
    # Merged, they are rounded to the base's half precision.
    merged = load_model(tmp_path / "merged")
    for one, other in zip(
        adapters.denoiser.parameters(), merged.denoiser.parameters(), strict=True
    ):
        assert torch.equal(one.half().float(), other)


def _places(folder: Path, *names: str) -> list[str]:
    return [str(folder / name) for name in names]


def test_nothing_is_overwritten_and_nothing_damaged_is_exported(
    registered: Registered, tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").touch()
    assert_refused(tell("export", "tiny/1", full), "expected a new or an empty folder")
    assert_refused(tell("export", "tiny/1", full / "mine"), "expected a new or an empty folder")
    told = tell("export", "tiny/2", tmp_path / "x", "--as", "lora")
    assert_refused(told, "tiny/2 was promoted as delta", seconds=30)

    name = "weights.safetensors"
    weights = registered.folder_of("tiny/2") / name
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + b"\x01")
    try:
        told = tell("export", "tiny/2", tmp_path / "x")
    finally:
        weights.write_bytes(before)
    assert told.code == 1
    assert f"{name}: changed: expected " in told.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
