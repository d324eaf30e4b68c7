"""Trials of methods that measure less than two losses a step, or take no steps at all."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.tracking import Mirror
from pipeline.unlearning.telemetry import StepRecord
from tests.tracking.sweeps import Sweep
from tests.tracking.test_mirror import Records

EDITS = """
name: tiny
concept: {kind: object, forget: [sneaker]}
closed_form: {ridge: {log_uniform: [1e-4, 10]}, preserve_weight: 1.0}
objectives: {erasure: maximize, alignment: maximize}
budget: {trials: 2, sampler: random}
"""


def test_a_loss_that_a_rule_does_not_look_at_has_no_history(database: str, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "sweeps" / "tiny")
    records = (
        StepRecord(1, {"forget_loss": 0.5, "forget_norm": 1.0, "retain_norm": 0.0, "cosine": 0.0}),
        StepRecord(1, {"retain_loss": 0.2, "forget_norm": 0.0, "retain_norm": 2.0, "cosine": 0.0}),
    )
    for record in records:
        number = sweep.begin(steps=())
        (sweep.trial(number) / "telemetry.jsonl").write_text(f"{record.line()}\n")
        sweep.finish(number, 0.5, 0.5)
    assert not Mirror(sweep.folder, database).sync_once()
    found = Records(database)
    for run, record in zip(found.children(), records, strict=True):
        assert run.info.status == "FINISHED"
        sent = {name for name in run.data.metrics if name.startswith("update/")}
        assert sent == {f"update/{name}" for name in record.values}


def test_an_edit_without_steps_is_a_whole_run(database: str, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path / "sweeps" / "tiny", text=EDITS)
    ended, running = sweep.begin(steps=()), sweep.begin(steps=())
    for number in (ended, running):
        (sweep.trial(number) / "telemetry.jsonl").unlink()
    sweep.finish(ended, 0.9, 0.8)
    assert not Mirror(sweep.folder, database).sync_once()
    found = Records(database)
    one, other = found.children()
    assert (one.info.status, other.info.status) == ("FINISHED", "RUNNING")
    assert found.history(one, "report/erasure") == [(0, 0.9)]
    assert not any(name.startswith("update/") for name in one.data.metrics)
    assert float(one.data.params["closed_form.ridge"]) > 0
    assert "gallery.png" in found.files(one)
    assert one.data.tags["front"] == "true"
    (parent,) = found.parents()
    table = json.loads(found.text(parent, "trials.json", tmp_path))
    assert [row["trial"] for row in table["rows"]] == [ended, running]
    sweep.finish(running, 0.7, 0.9)
    assert not Mirror(sweep.folder, database).sync_once()
    assert [run.info.status for run in found.children()] == ["FINISHED", "FINISHED"]
