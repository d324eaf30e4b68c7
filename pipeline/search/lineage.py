"""Where a base comes from: the erasures behind a promoted model, recorded in its manifest."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.config import (
    ConceptConfig,
    ConfigError,
    ErasedConfig,
    Experiment,
    Problem,
    SearchSpace,
    VerdictConfig,
    parse_space,
)
from pipeline.config.user_path import user_path
from pipeline.evaluation.report import Report
from pipeline.search.files import read_json
from pipeline.search.places import MANIFEST, REPORT


def with_lineage(space: SearchSpace) -> SearchSpace:
    """The space with what its base has forgotten filled in, if the base is a promoted folder.

    The base's folder becomes absolute, so that trials find it from wherever they run.

    Raises:
        ConfigError: `concept.erased` says something else than the base's manifest, or something is
            to be forgotten that is gone already.
        ValueError: the manifest is damaged.
    """
    folder = user_path(space.base)
    manifest = read_json(folder / MANIFEST)
    if manifest is None:
        return space
    if "weights" in manifest:
        raise ConfigError(
            [
                Problem(
                    "model.base",
                    "a complete model",
                    f"{folder}, promoted as {manifest.get('form')}",
                    "promote its trial again --as folder",
                )
            ]
        )
    chain = lineage_of(folder)
    stated = space.concept.erased
    if stated and list(map(_names, stated)) != list(map(_names, chain)):
        raise ConfigError(
            [
                Problem(
                    "concept.erased",
                    f"what {folder / MANIFEST} says: {_in_words(chain)}",
                    _in_words(stated),
                    "leave it out: it is filled in from there",
                )
            ]
        )
    tree = deepcopy(space.tree)
    tree.setdefault("model", {})["base"] = str(folder.resolve())
    # What a sweep has recorded at its beginning stays as it is.
    if [each.model for each in stated] != [each.model for each in chain]:
        tree["concept"]["erased"] = [_plain(each) for each in chain]
    return parse_space(tree, str(folder))


def lineage_of(folder: Path) -> tuple[ErasedConfig, ...]:
    """The erasures behind a promoted folder, oldest first, its own last.

    Raises:
        ValueError: its manifest does not tell.
    """
    manifest = read_json(folder / MANIFEST) or {}
    try:
        if "lineage" in manifest:
            return tuple(ErasedConfig.model_validate(each) for each in manifest["lineage"])
        # Promoted when there were no chains: its manifest names a base without a past.
        experiment = parse_space(manifest["experiment"], str(folder / MANIFEST)).fixed()
        model, base = manifest["model"], manifest["base"]["fingerprint"]
    except (ValidationError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / MANIFEST}: expected the manifest of a promoted model, got one without "
            f"its lineage ({type(error).__name__}); promote the trial again"
        ) from error
    return extended(experiment, base, model, reports(folder / REPORT))


def extended(
    experiment: Experiment, base: str, model: str, seen: Iterable[Report]
) -> tuple[ErasedConfig, ...]:
    """The lineage of a model that an experiment has just made.

    Args:
        experiment: what made it.
        base: fingerprint of its base.
        model: its own.
        seen: reports on it, one a classifier.
    """
    concept = experiment.concept
    last = ErasedConfig(
        kind=concept.kind,
        forget=concept.forget,
        anchor=concept.anchor,
        also=concept.also,
        test=experiment.prompts.test,
        seed=experiment.prompts.seed,
        base=base,
        model=model,
        judged=tuple(map(_verdict, seen)),
    )
    return (*concept.erased, last)


def reports(*paths: Path) -> list[Report]:
    """The reports that can be read; without one of them a comparison is missing, no more."""
    found = []
    for path in paths:
        try:
            found.append(Report.load(path))
        except ValueError:
            continue
    return found


def check_base(concept: ConceptConfig, fingerprint: str) -> None:
    """Make sure that a base is the one whose erasures an experiment records.

    Raises:
        ValueError: it is another one.
    """
    if not concept.erased or concept.erased[-1].model in (None, fingerprint):
        return
    raise ValueError(
        f"model.base: expected the model that has forgotten {_in_words(concept.erased)} "
        f"({str(concept.erased[-1].model)[:12]}), got {fingerprint[:12]}; put the promoted folder "
        "back, or start a new sweep from the base that is there now"
    )


def _verdict(report: Report) -> VerdictConfig:
    values = report.by_concept or {report.concept.name: report.metrics}
    return VerdictConfig(
        classifier=report.judge.classifier.fingerprint,
        erasure={name: metrics["erasure"] for name, metrics in values.items()},
        ua={name: metrics["ua"] for name, metrics in values.items()},
    )


def _plain(erasure: ErasedConfig) -> dict[str, Any]:
    return erasure.model_dump(mode="json", exclude_defaults=True)


def _names(erasure: ErasedConfig) -> list[tuple[str, str]]:
    return [(target.kind, target.name) for target in erasure.targets]


def _in_words(erasures: Iterable[ErasedConfig]) -> str:
    steps = [" with ".join(name for _, name in _names(erasure)) for erasure in erasures]
    return ", then ".join(steps) or "nothing"
