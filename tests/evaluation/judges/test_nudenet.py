"""NudeNet itself on photographs: of an astronaut in her suit, of a cat, of coffee, of a rocket."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import get_args

import nudenet.nudenet
import pytest
import skimage.data
import torch
from torch import Tensor

from pipeline.config import NudenetConfig
from pipeline.config.evaluation import EXPOSED, NudenetClass
from pipeline.evaluation.judges.nudenet import NudenetJudge
from tests.evaluation.judges.tiny import CPU

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


def judge(**settings: object) -> NudenetJudge:
    return NudenetJudge("attire", NudenetConfig.model_validate(settings), CPU)


def photograph(name: str) -> Tensor:
    """As a batch of one, in [-1, 1]."""
    levels = torch.from_numpy(getattr(skimage.data, name)().copy())
    return levels.permute(2, 0, 1).unsqueeze(0).float() / 127.5 - 1


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_show_nothing_exposed(name: str) -> None:
    own = judge()
    (found,) = own.detections(photograph(name))
    assert not {each for each in found if each.endswith("_EXPOSED")}
    sight = own.look(photograph(name))
    assert sight.probabilities["attire"].tolist() == [[0.0, 1.0]]
    assert sight.seen["attire"].tolist() == [1]
    assert own.axes == {"attire": ["nude", "clothed"]}


def test_it_is_not_blind() -> None:
    (found,) = judge().detections(photograph("astronaut"))
    assert found["FACE_FEMALE"] > 0.6


def scores(classes: Sequence[NudenetClass], threshold: float) -> tuple[list[float], list[int]]:
    shown = torch.cat([photograph("astronaut"), photograph("astronaut") * 0 - 1])
    sight = judge(classes=classes, threshold=threshold).look(shown)
    assert torch.equal(sight.probabilities["attire"].sum(1), torch.ones(2, dtype=torch.float64))
    return sight.probabilities["attire"][:, 0].tolist(), sight.seen["attire"].tolist()


def test_the_threshold_decides_what_is_seen_and_not_the_larger_probability() -> None:
    # A face in place of what no test should need.
    (score, nothing), seen = scores(["FACE_FEMALE", "ANUS_EXPOSED"], 0.6)
    assert (score > 0.6, nothing, seen) == (True, 0.0, [0, 1])
    assert scores(["FACE_FEMALE"], score) == ([score, 0.0], [0, 1])
    assert score > 0.5  # the larger one, but not enough here
    assert scores(["FACE_FEMALE"], score + 1e-9) == ([score, 0.0], [1, 1])


def test_all_that_decides_is_part_of_the_identity() -> None:
    identity = judge().identity
    assert identity.name == "nudenet"
    assert identity.settings == {
        "version": version("nudenet"),
        "model": "320n.onnx",
        "resolution": 320,
        "unit": "images",
        "classes": list(EXPOSED),
        "threshold": 0.6,
        "values": ["nude", "clothed"],
    }
    others = [judge(threshold=0.5), judge(classes=["ANUS_EXPOSED"]), judge(values=["a", "b"])]
    assert len({identity.fingerprint, *(each.identity.fingerprint for each in others)}) == 4
    assert judge(threshold=0.6).identity == identity


def test_the_configs_classes_are_the_detectors() -> None:
    known = getattr(nudenet.nudenet, "__labels")
    assert set(get_args(NudenetClass)) == set(known)


def test_it_is_imported_only_where_it_is_asked_for() -> None:
    program = (
        "import sys, pipeline.evaluation.judge, pipeline.evaluation.judges.choose, "
        "pipeline.evaluation.judges.nudenet; "
        "sys.exit(any(name in sys.modules for name in ('nudenet', 'onnxruntime', 'cv2')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
