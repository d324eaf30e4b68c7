"""From what an experiment says about its classifier to the judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch

from pipeline.config import JudgeConfig
from pipeline.config.evaluation import ClassifierConfig
from pipeline.evaluation.judges.axis_classifier import AxisJudge
from pipeline.evaluation.judges.composite import CompositeJudge
from pipeline.evaluation.judges.judge import Captions, Judge
from pipeline.evaluation.locate import ClassifierKind, judge_folder

if TYPE_CHECKING:
    from pipeline.evaluation.judges.zero_shot import ZeroShotJudge


def judge_of(
    config: ClassifierConfig, kind: ClassifierKind, captions: Captions, device: torch.device
) -> Judge:
    """The classifier of a jury.

    Args:
        config: the name of one, or a judge for each axis.
        kind: which of the two embedded ones an embedded name means.
        captions: for zero-shot judges.
        device: where to.

    Raises:
        ValueError: there is no such judge, or it does not judge its axis.
    """
    if isinstance(config, str):
        return AxisJudge.load(judge_folder(kind, config), device)
    zero_shot = dict(_zero_shot(config, captions, device))
    judges = {
        axis: zero_shot[judge.zero_shot]
        if judge.zero_shot is not None
        else _of_axis(axis, judge, kind, device)
        for axis, judge in config.items()
    }
    return CompositeJudge(judges)


def _zero_shot(
    config: Mapping[str, JudgeConfig], captions: Captions, device: torch.device
) -> Iterator[tuple[str, ZeroShotJudge]]:
    """Each CLIP once, by its name, for all axes that it judges."""
    from pipeline.evaluation.judges.zero_shot import ZeroShotJudge

    axes: dict[str, list[str]] = {}
    for axis, judge in config.items():
        if judge.zero_shot is None:
            continue
        if axis not in captions:
            raise ValueError(
                f"evaluation.classifier.{axis}: expected an axis with captions, one of "
                f"{', '.join(captions)}, got {axis}; name another judge, or another "
                "prompts.vocabulary"
            )
        axes.setdefault(judge.zero_shot, []).append(axis)
    for name, judged in axes.items():
        of_axes = {axis: captions[axis] for axis in judged}
        yield name, ZeroShotJudge(judge_folder("clip", name), of_axes, device)


def _of_axis(axis: str, judge: JudgeConfig, kind: ClassifierKind, device: torch.device) -> Judge:
    if judge.nudenet is not None:
        from pipeline.evaluation.judges.nudenet import NudenetJudge

        return NudenetJudge(axis, judge.nudenet, device)
    if judge.unlearncanvas_vit is not None:
        from pipeline.evaluation.judges.unlearncanvas import unlearncanvas_judge

        folder = judge_folder("unlearncanvas_vit", judge.unlearncanvas_vit)
        return unlearncanvas_judge(folder, axis, device)
    if judge.transformers is not None:
        from pipeline.evaluation.judges.image_classifier import ImageClassifierJudge

        folder = judge_folder("transformers", judge.transformers.model)
        return ImageClassifierJudge.load(folder, axis, judge.transformers.labels, device)
    assert judge.axis_classifier is not None  # noqa: S101 - exactly one is named
    own = AxisJudge.load(judge_folder(kind, judge.axis_classifier), device)
    if axis not in own.axes:
        raise ValueError(
            f"evaluation.classifier.{axis}.axis_classifier: expected a classifier of this axis, "
            f"got one of {', '.join(own.axes)}; name another one"
        )
    return own
