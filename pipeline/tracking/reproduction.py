"""Reproduction: a promoted model trained and judged anew from its record alone, and compared."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

from pipeline.config import Experiment, parse_space
from pipeline.config.space import put
from pipeline.diffusion.load import fingerprint, locate
from pipeline.diffusion.sampling import Progress
from pipeline.diffusion.store import Store
from pipeline.evaluation.judge import drawn_in, evaluate
from pipeline.evaluation.report import Report
from pipeline.prompts import build_prompt_set
from pipeline.search.places import EXHIBITS, MANIFEST, PICTURES, REPORT, WEIGHTS, store_root
from pipeline.search.trial import run_trial
from pipeline.search.unlearned import base_model
from pipeline.tracking.checks import Finding, check_record, check_versions, is_same_place, short
from pipeline.tracking.desk import registry_client
from pipeline.tracking.fetching import Version
from pipeline.tracking.forms import write_form
from pipeline.tracking.manifest import file_hashes
from pipeline.tracking.recorded import RecordedJudgement

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

RECORD: Final = frozenset({MANIFEST, REPORT})
"""All that is needed of a version."""

MODEL: Final = "model"
"""In the folder of a reproduction: the model in the version's form, and its report."""

_TOLERANCE: Final = 0.02
"""Up to which a metric counts as the same where bits can't be: on another machine or version."""


@dataclass(frozen=True)
class Plan:
    """What is to be done again.

    Attributes:
        experiment: of the version, with the base as it is called here.
        judgement: how the version was judged.
    """

    experiment: Experiment
    judgement: RecordedJudgement


def plan_again(version: Version, base: str | None = None) -> Plan:
    """What a record says of the making of a version, once it is sure that it can be done.

    Args:
        version: its record.
        base: where the base lies here; where it lay then if None.

    Raises:
        NotAsRecordedError: the record is not the one that was registered.
        ValueError: it does not say how it was judged, or the base is not there.
    """
    check_record(version)
    recorded = version.recorded
    if recorded.judgement is None:
        raise ValueError(
            f"{version.name}: expected a manifest with its judgement, got one from before it was "
            "recorded; promote the trial again"
        )
    made_by = recorded.made_by
    tree = deepcopy(recorded.experiment)
    if base is not None:
        put(tree, "model.base", base)
        put(tree, "model.revision", None)
    elif recorded.base.commit is not None:
        put(tree, "model.revision", recorded.base.commit)
    experiment = parse_space(tree, version.name).fixed()
    wanted = recorded.base.fingerprint
    name, revision = experiment.model.base, experiment.model.revision
    try:
        found = fingerprint(locate(name, revision).folder)
    except ValueError as error:
        raise ValueError(f"{version.name}: {error}; {_needed(made_by, wanted)}") from error
    if found != wanted:
        raise ValueError(
            f"{version.name}: expected the base {name} to be {short(wanted)}, got {short(found)}; "
            f"{_needed(made_by, wanted)}"
        )
    return Plan(experiment, recorded.judgement)


def reproduce(
    version: Version, plan: Plan, folder: Path, progress: Progress | None
) -> list[Finding]:
    """Train and judge a version anew in a folder that holds its experiment, and compare all of it.

    One that was interrupted goes on in the same folder.

    Args:
        version: its manifest and its report.
        plan: what `plan_again` says.
        folder: of the reproduction.
        progress: told how many pictures of the second judgement are done.

    Raises:
        ValueError: the training diverges, a judge is missing, or the folder's reproduction has
            ended.
    """
    if (folder / MODEL / REPORT).is_file():
        raise ValueError(
            f"{folder}: expected a new folder or a reproduction that was interrupted, got one that "
            "has ended; name another folder with --out, or remove this one"
        )
    with _threads(plan.experiment.scaling.cpus_per_worker):
        outcome = run_trial(folder, Store(store_root()), time.time())
    if outcome.reason is not None:
        raise ValueError(
            f"{version.name}: expected the training to end as it did, got: {outcome.reason}; look "
            "at the warnings about versions"
        )
    report = _judged(version, plan, folder, progress)
    exactly = is_same_place(version.recorded)
    before = Report.load(version.folder / REPORT)
    searched = Report.load(folder / REPORT).metrics
    workers = plan.experiment.scaling.workers
    findings = check_versions(version.recorded)
    if workers > 1:
        told = f"trained by {workers} then and by one here: sums round otherwise"
        findings.append(Finding("workers", "warning", told))
        exactly = False
    findings += _weights(version, folder / MODEL, exactly=exactly)
    findings += _judges(before, report)
    findings += _metrics("searched", version.recorded.searched.metrics, searched, exactly=exactly)
    return findings + _metrics("judged", before.metrics, report.metrics, exactly=exactly)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """As many threads as a trial has in a sweep: sums of other parts may round otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _judged(version: Version, plan: Plan, folder: Path, progress: Progress | None) -> Report:
    """Judge what was trained in the version's own form, as it was judged."""
    experiment, judgement = plan.experiment, plan.judgement
    base, store = base_model(experiment), Store(store_root())
    shutil.rmtree(folder / MODEL, ignore_errors=True)
    model = write_form(version.recorded.form, base, folder / WEIGHTS, folder / MODEL)
    pictures = folder / f"{MODEL}.{PICTURES}"
    evaluation = evaluate(
        model,
        build_prompt_set(experiment.concept, experiment.prompts),
        experiment,
        store,
        seat=judgement.seat,
        base=base,
        seed=judgement.seed,
        repeats=judgement.repeats,
        pictures=drawn_in(pictures, store),
        progress=progress,
    )
    evaluation.report.save(folder / MODEL / REPORT)
    shutil.rmtree(pictures, ignore_errors=True)
    return evaluation.report


def _weights(version: Version, folder: Path, *, exactly: bool) -> list[Finding]:
    again = file_hashes(folder)
    findings = []
    for name, file in version.recorded.files.items():
        if not name.endswith(".safetensors") or name.startswith(f"{EXHIBITS}/"):
            continue
        found = again[name]["sha256"] if name in again else "nothing"
        told = f"recorded {short(file.sha256)}, again {short(found)}"
        if found == file.sha256:
            findings.append(Finding(name, "same", short(found)))
        else:
            findings.append(Finding(name, "differs" if exactly else "warning", told))
    return findings


def _judges(before: Report, again: Report) -> list[Finding]:
    findings = []
    for what in ("classifier", "clip"):
        old, new = getattr(before.judge, what), getattr(again.judge, what)
        told = f"{old.name}: recorded {short(old.fingerprint)}, again {short(new.fingerprint)}"
        same = old.fingerprint == new.fingerprint
        findings.append(Finding(what, "same" if same else "differs", old.name if same else told))
    return findings


def _metrics(
    when: str, before: Mapping[str, float], again: Mapping[str, float], *, exactly: bool
) -> list[Finding]:
    findings = []
    for name in dict.fromkeys([*before, *again]):
        old, new = before.get(name), again.get(name)
        told = f"recorded {_number(old)}, again {_number(new)}"
        if old == new:
            findings.append(Finding(f"{when} {name}", "same", _number(old)))
            continue
        is_near = old is not None and new is not None and abs(old - new) <= _TOLERANCE
        near = not exactly and is_near
        told += f", within {_TOLERANCE} for another machine" if near else ""
        findings.append(Finding(f"{when} {name}", "same" if near else "differs", told))
    return findings


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"


def _needed(made_by: Experiment, wanted: str) -> str:
    """How to get a base that is not there: of a chain, the version that it was."""
    if not made_by.concept.erased:
        return "put it there, or name its folder with --base"
    gone = ", then ".join(each.name for each in made_by.concept.erased)
    known = _registered_as(wanted)
    if known is None:
        return (
            f"it is a promoted model that had forgotten {gone} ({short(wanted)}): put its folder "
            "there, or name it with --base"
        )
    return (
        f"it is a promoted model that had forgotten {gone}: `unlearn export "
        f"{known.name}/{known.version} DIR` writes it, then name it with --base DIR"
    )


def _registered_as(model: str) -> ModelVersion | None:
    """The version whose fingerprint is asked for; None if nobody can tell."""
    try:
        with registry_client() as client:
            found = client.search_model_versions(f"tags.model = '{model}'", max_results=1)
    except ValueError:
        return None
    return found[0] if found else None
