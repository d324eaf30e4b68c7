"""A trial that trains the text encoder, from prompts to its report."""

from __future__ import annotations

import json
import time
from pathlib import Path

from pipeline.cli.models import find_model
from pipeline.config import dump_experiment
from pipeline.diffusion import Store
from pipeline.diffusion.load import load_model
from pipeline.diffusion.weights import apply_weights
from pipeline.evaluation import Report
from pipeline.search.trial import run_trial
from tests.search.spaces import smoke_space, values


def test_a_trained_text_encoder_is_judged_and_found_again(tmp_path: Path) -> None:
    experiment = smoke_space(model={"train": "text_encoder"}).fill(values(smoke_space(), 0.5))
    folder = tmp_path / "sweeps" / "text" / "trials" / "0000"
    folder.mkdir(parents=True)
    (folder / "experiment.yaml").write_text(dump_experiment(experiment))
    (folder.parent.parent / "sweep.json").write_text(json.dumps({"name": "text"}))
    outcome = run_trial(folder, Store(tmp_path / "cache"), time.time())
    assert outcome.reason is None
    base = load_model("fashion-canvas")
    model = apply_weights(base, folder / "weights.safetensors")
    report = Report.load(folder / "report.json")
    assert report.model == model.fingerprint == find_model("text/0").load().fingerprint
    assert model.text_fingerprint == model.fingerprint != base.text_fingerprint
    before = base.pipeline.text_encoder.state_dict()
    after = model.pipeline.text_encoder.state_dict()
    assert any(not after[name].equal(value) for name, value in before.items())
    count = json.loads((folder / "trained.json").read_text())
    assert count["trained"] == sum(value.numel() for value in before.values())
    assert count["share"] == 1
