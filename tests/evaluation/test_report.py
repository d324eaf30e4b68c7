"""A report survives JSON, and refuses to be incomplete."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.config import METRICS
from pipeline.evaluation.formulas import MAY_LACK, METRIC_FORMULAS, PAIRED_FORMULAS
from pipeline.evaluation.report import Report


def fields(**changes: Any) -> dict[str, Any]:
    """A complete report as plain data; keywords override its fields."""
    return {
        "model": "a" * 64,
        "base": "b" * 64,
        "concept": {"kind": "object", "forget": ["ankle boot"], "anchor": None},
        "metrics": dict.fromkeys(METRIC_FORMULAS, 0.1 + 0.2),
        "base_metrics": dict.fromkeys(METRIC_FORMULAS, 1 / 3),
        "paired": {
            name: {"mean": -1 / 7, "low": -0.2, "high": 0.1 + 0.2, "count": 2}
            for name in PAIRED_FORMULAS
        },
        "neighbours": {"sneaker": 0.75},
        "by_value": {"object": {"sneaker": 0.75}, "style": {"neon": 1.0}},
        "images": {"forget": 1, "retain": 2},
        "judge": {
            "classifier": {"name": "classifier", "fingerprint": "c"},
            "clip": {"name": "clip", "fingerprint": "d"},
        },
        "sampling": {"steps": 15, "guidance": 3.0, "seed": 99, "repeats": 1},
        "pictures": [
            {
                "text": "an “ankle boot”",
                "seed": 2**62,
                "asked": {"object": "ankle boot"},
                "seen": {"object": "sneaker"},
                "base_seen": {"object": "ankle boot"},
                "target_probability": 1e-12,
                "clip": -0.25,
                "base_clip": 0.5,
                "image_distance": 1e-9,
            }
        ],
        "seconds": {"base": 0.5},
        **changes,
    }


def test_a_report_comes_back_from_json_unchanged(tmp_path: Path) -> None:
    report = Report.model_validate(fields())
    path = tmp_path / "new folder" / "report.json"
    report.save(path)
    assert Report.load(path) == report
    assert [each.name for each in path.parent.iterdir()] == ["report.json"]
    assert json.loads(path.read_text())["metrics"]["erasure"] == 0.1 + 0.2


def test_saving_replaces_an_earlier_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("half a rep")
    report = Report.model_validate(fields())
    report.save(path)
    assert Report.load(path) == report


def test_a_report_cannot_be_changed() -> None:
    report = Report.model_validate(fields())
    with pytest.raises(ValidationError, match="frozen"):
        report.model = "another"  # type: ignore[misc]


def test_every_objective_of_a_search_is_a_metric() -> None:
    assert set(METRICS) <= set(METRIC_FORMULAS)


@pytest.mark.parametrize("field", ["metrics", "base_metrics", "paired"])
def test_a_missing_or_unknown_metric_is_refused(field: str) -> None:
    complete = fields()[field]
    without = {name: value for name, value in complete.items() if name != "cra"}
    for metrics in (without, {**complete, "beauty": complete["ira"]}):
        with pytest.raises(ValueError, match=f"{field}: expected exactly"):
            Report.model_validate(fields(**{field: metrics}))


def test_what_has_no_measure_may_be_absent_on_all_sides() -> None:
    whole = fields()
    lacking = {
        field: {name: value for name, value in whole[field].items() if name not in MAY_LACK}
        for field in ("metrics", "base_metrics", "paired")
    }
    assert "cra" not in Report.model_validate(fields(**lacking)).metrics
    with pytest.raises(ValueError, match="metrics: expected exactly"):
        Report.model_validate(fields(**{**lacking, "metrics": whole["metrics"]}))


def test_what_is_not_a_number_is_refused() -> None:
    metrics = {**fields()["metrics"], "clip": float("nan")}
    with pytest.raises(ValueError, match=r"metrics\.clip"):
        Report.model_validate(fields(metrics=metrics))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "judge the model first"),
        ("{", "got at the file: Invalid JSON"),
        (json.dumps(fields(surprise=1)), "got at surprise: Extra inputs"),
    ],
)
def test_what_is_no_report_is_named_with_its_path(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=complaint) as caught:
        Report.load(path)
    assert str(path) in str(caught.value)


def test_a_report_from_before_a_measure_is_to_be_judged_again(tmp_path: Path) -> None:
    before = fields()
    del before["paired"]
    for name in ("metrics", "base_metrics"):
        before[name] = {k: v for k, v in before[name].items() if k not in ("kid", "image_distance")}
    for picture in before["pictures"]:
        del picture["base_seen"], picture["image_distance"]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(before))
    with pytest.raises(ValueError, match="at paired: Field required; judge the model again"):
        Report.load(path)


def test_reading_a_report_loads_no_torch() -> None:
    program = "import sys, pipeline.evaluation as e; e.Report; print('torch' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
