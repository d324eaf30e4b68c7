"""A report's measures prompt by prompt: what intervals over several trainings are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from pipeline.config import ConceptConfig
from pipeline.evaluation.measures import Floats
from pipeline.evaluation.report import JudgedPicture, Report


def values_by_prompt(report: Report) -> dict[str, Floats]:
    """One value a prompt: the mean over its pictures, which are no independent witnesses.

    Legend as in `formulas`: f runs over forget prompts, r over retain prompts.

    Returns:
        erasure: 1 - p(t(f)).
        ua: share of f's pictures in which the concept isn't seen.
        ira, cra: share of r's pictures in which its value is, on the concept's own axis and on the
            other; prompts that name none are left out, and cra where there is no other axis.
        alignment: 1 + (r's CLIP cosine - that of the base's picture) / the base's mean of all r:
            prompt by prompt beside the base's, as what makes a prompt hard is hard for both.

        Their means are the report's metrics of the same names. Where several concepts are erased at
        once, erasure and ua are left out: the report's are those of the least erased one.
    """
    forget = [each for each in report.pictures if each.target_probability is not None]
    retain = [each for each in report.pictures if each.target_probability is None]
    own = report.concept.kind
    other = next((axis for axis in report.by_value if axis != own), None)
    base_clip = float(np.mean([each.base_clip for each in retain]))
    values: dict[str, Iterable[float]] = {
        "erasure": (1 - (each.target_probability or 0.0) for each in forget),
        "ua": (float(not _shows_concept(each, report.concept)) for each in forget),
        "ira": _right(retain, own),
        **({} if other is None else {"cra": _right(retain, other)}),
        "alignment": (1 + (each.clip - each.base_clip) / base_clip for each in retain),
    }
    if len(report.concept.targets) > 1:
        del values["erasure"], values["ua"]
    # Pictures of one prompt follow each other.
    repeats = report.sampling.repeats
    return {
        name: np.array(list(of_pictures)).reshape(-1, repeats).mean(1)
        for name, of_pictures in values.items()
    }


def _right(pictures: Iterable[JudgedPicture], axis: str) -> Iterator[float]:
    """Whether the value that the prompt names on an axis is seen."""
    return (float(each.seen[axis] == each.asked[axis]) for each in pictures if axis in each.asked)


def _shows_concept(picture: JudgedPicture, concept: ConceptConfig) -> bool:
    """Whether the classifier sees what the prompt asks for and should not get."""
    return any(
        picture.seen[target.kind] == picture.asked[target.kind]
        for target in concept.targets
        if picture.asked.get(target.kind) in target.forget
    )
