"""Telemetry of a run that goes on: lines of steps that will be taken again are dropped."""

from __future__ import annotations

from pathlib import Path

from pipeline.unlearning.telemetry import StepRecord, TelemetryFile, read_telemetry


def test_a_resumed_run_drops_later_lines_and_cuts_off_no_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.jsonl"
    file = TelemetryFile(path, 0)
    for step in range(1, 5):
        file.append(StepRecord(step, {"forget_loss": 0.5}))
    with path.open("a") as torn:
        torn.write('{"step": 5, "forg')
    with path.open() as before:
        TelemetryFile(path, 2).append(StepRecord(3, {"forget_loss": 0.25}))
        # Another file has taken the name: until then this one was whole.
        assert before.read().count("\n") == 4
    assert [record.step for record in read_telemetry(path)] == [1, 2, 3]
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
