"""Promotion: a chosen trial, judged once more by other eyes, becomes a version in the registry."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.config import Experiment, GateConfig, load_space
from pipeline.config.merging import differences
from pipeline.diffusion.sampling import Progress
from pipeline.diffusion.store import Store
from pipeline.evaluation.exhibits import save_exhibits
from pipeline.evaluation.judge import Evaluation, drawn_in, evaluate
from pipeline.evaluation.locate import classifier_in
from pipeline.evaluation.report import Report
from pipeline.prompts import build_prompt_set
from pipeline.search.files import write_json, write_text
from pipeline.search.lineage import extended, reports
from pipeline.search.outcome import why_no_weights
from pipeline.search.places import (
    EXHIBITS,
    EXPERIMENT,
    GALLERY,
    MANIFEST,
    PICTURES,
    REPORT,
    WEIGHTS,
    store_root,
    trial_name,
)
from pipeline.search.records import SweepRecord, TrialRecord
from pipeline.search.unlearned import base_model
from pipeline.tracking.candidate import Demands, candidate
from pipeline.tracking.forms import WEIGHTS_OF, Form, check_form, write_form
from pipeline.tracking.gate_record import GATE, beside, record_refusal
from pipeline.tracking.gate_result import GateResult, compared_in_words, evidence_of, judge_by
from pipeline.tracking.manifest import file_hashes, versions
from pipeline.tracking.marks import mark, unmarked
from pipeline.tracking.model_card import CARD, CardFacts, model_card
from pipeline.tracking.provenance import provenance
from pipeline.tracking.publication import check_listing, publish
from pipeline.tracking.registry import Listing, Registered
from pipeline.tracking.surroundings import surroundings
from pipeline.tracking.uri import tracking_uri

_FRESH_SEED: Final = 500_000_009  # further from any seed of the search than its repeats reach
_EXHIBITS: Final = 8  # pictures by which a version can be verified


@dataclass(frozen=True)
class SecondJudgement:
    """How a promotion is judged: by other eyes, on pictures that no search has seen.

    Attributes:
        seed: of its pictures; far from the search's seeds if None.
        repeats: pictures of each prompt.
    """

    seed: int | None = None
    repeats: int = 4


@dataclass(frozen=True)
class Promotion:
    """What was promoted.

    Attributes:
        trial: its number.
        folder: the model in its form, with manifest, report and gallery.
        report: the second judgement.
        gate: what was asked for, line by line, and what was found.
        registered: name, version and the version that was champion before.
        run: MLflow's id of the trial's run.
        uri: of the tracking server.
    """

    trial: int
    folder: Path
    report: Report
    gate: GateResult
    registered: Registered
    run: str
    uri: str


class NotConfirmedError(ValueError):
    """The second judgement does not show what was asked for.

    Attributes:
        report: the second judgement.
        gate: what was asked for, line by line, and what was found.
        unrecorded: why MLflow has not got the verdict; None where it has.
    """

    def __init__(self, trial: int, gate: GateResult, unrecorded: str | None = None) -> None:
        self.report = gate.report
        self.gate = gate
        self.unrecorded = unrecorded
        failed = [line for line in gate.lines if not line.passed]
        parts = [f"{compared_in_words(line)} for {line}" for line in failed]
        pictures = gate.report.images.forget + gate.report.images.retain
        super().__init__(
            f"trial {trial}: expected the second judge to confirm it, got {', '.join(parts)} on "
            f"{pictures} fresh pictures; nothing is registered. What would help:\n"
            + "\n".join(f"  {sentence}" for sentence in gate.advice)
            + '\n  or promote it all the same, with --override "reason", which is recorded'
        )


def promote(  # noqa: PLR0913  (what, how it is judged, kept and registered)
    record: SweepRecord,
    constraints: Mapping[str, float] | Demands,
    *,
    trial: int | None = None,
    uri: str | None = None,
    judgement: SecondJudgement | None = None,
    progress: Progress | None = None,
    form: Form = "folder",
    listing: Listing | None = None,
) -> Promotion:
    """Judge a trial once more and register it, as the champion of its sweep or as `listing` says.

    The folder that is registered is the one that is judged: it is written first, loaded again,
    and thrown away if the second judgement does not show what was asked for. The judgement itself
    stays until the model is registered: the same one is not made twice.

    Args:
        record: a sweep.
        constraints: what is asked for; a mapping is one of least values, and asks for no gate.
        trial: which one; the one that `choose` takes if None.
        uri: MLflow's tracking URI; as for `Mirror` if None.
        judgement: how the second judgement is made; as the gate says, or its defaults, if None.
        progress: told how many pictures are done.
        form: in which the model is kept and registered.
        listing: as what it is registered; as its sweep's champion if None.

    Raises:
        NothingQualifiesError: no member of the front meets the constraints.
        NotConfirmedError: the second judgement does not show what was asked for; that is recorded.
        ValueError: there is no such complete trial, it fails a constraint, its files are missing,
            it has no adapters to keep alone, there is no second classifier, the versions of the
            model in `listing` erased something else, or MLflow can't be reached.
    """
    demands = constraints if isinstance(constraints, Demands) else Demands(None, constraints)
    chosen, searched = candidate(record, demands, trial)
    address = tracking_uri() if uri is None else uri
    experiment = load_space(chosen.folder / EXPERIMENT).fixed()
    check_form(form, experiment)
    check_listing(listing or Listing(), experiment.concept, address)
    judgement = judgement or _judgement_of(demands.gate)
    first = record.folder / "promoted" / Path(trial_name(chosen.number)).name
    folder = unmarked(first)
    partial = first.with_name(f".{first.name}.partial")
    # Beside the folder that is thrown away: a judgement that was killed goes on with them.
    pictures = first.with_name(f".{first.name}.{PICTURES}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        places = (partial, pictures)
        judged = _judged_folder(experiment, chosen, form, places, judgement, progress)
        found = judge_by(judged, demands.gate, demands.least_values, searched, demands.override)
        found = replace(found, changed=_changed(experiment.gate, demands.gate))
        if found.outcome == "failed":
            unrecorded = record_refusal(record, chosen, folder, found, address)
            raise NotConfirmedError(chosen.number, found, unrecorded)
        judged.report.save(partial / REPORT)
        judged.draw_gallery(partial / GALLERY, experiment.evaluation.gallery)
        save_exhibits(judged, _EXHIBITS, partial / EXHIBITS)
        facts = CardFacts(record, chosen, experiment, evidence_of(judged), found, form)
        write_json(partial / GATE, found.as_json())
        write_text(partial / CARD, model_card(facts))
        _write_manifest(facts, demands, partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    write_json(beside(folder), found.as_json())
    registered, run = publish(record, chosen, (form, folder), found, address, listing or Listing())
    shutil.rmtree(pictures, ignore_errors=True)
    mark(folder, registered.name, registered.version, registered.alias)
    return Promotion(chosen.number, folder, judged.report, found, registered, run, address)


def _changed(known: GateConfig | None, used: GateConfig | None) -> tuple[str, ...]:
    """In what a gate differs from the one that the trial was made under.

    The sweep's own file may have another one since, written when all results were known.
    """
    trees = [{} if gate is None else gate.model_dump(mode="json") for gate in (known, used)]
    return tuple(differences(*trees))


def _judgement_of(gate: GateConfig | None) -> SecondJudgement:
    return SecondJudgement() if gate is None else SecondJudgement(gate.seed, gate.repeats)


def _judged_folder(
    experiment: Experiment,
    trial: TrialRecord,
    form: Form,
    folders: tuple[Path, Path],
    judgement: SecondJudgement,
    progress: Progress | None,
) -> Evaluation:
    """Write the trial's model in its form into a folder, and judge what was written.

    Args:
        experiment: that made it.
        trial: whose weights it has.
        form: in which it is kept.
        folders: of the model, and of its pictures while they are made.
        judgement: how it is judged.
        progress: told how many pictures are done.
    """
    folder, pictures = folders
    store = Store(store_root())
    weights = trial.folder / WEIGHTS
    if not weights.is_file():
        raise ValueError(f"trial {trial.number}: {why_no_weights(trial.folder)}")
    classifier_in("second", experiment.evaluation)  # before anything is written
    seed = experiment.evaluation.seed + _FRESH_SEED if judgement.seed is None else judgement.seed
    base = base_model(experiment)
    model = write_form(form, base, weights, folder)
    return evaluate(
        model,
        build_prompt_set(experiment.concept, experiment.prompts),
        experiment,
        store,
        seat="second",
        base=base,
        seed=seed,
        repeats=judgement.repeats,
        pictures=drawn_in(pictures, store),
        keeps_answers=True,
        progress=progress,
    )


def _write_manifest(facts: CardFacts, demands: Demands, folder: Path) -> None:
    record, trial, experiment, form = facts.record, facts.trial, facts.experiment, facts.form
    judged, report = facts.result, facts.result.report
    seen = [*reports(trial.folder / REPORT), report]
    lineage = extended(experiment, report.base, report.model, seen)
    write_json(
        folder / MANIFEST,
        {
            "form": form,
            **({} if WEIGHTS_OF[form] is None else {"weights": WEIGHTS_OF[form]}),
            "sweep": record.name,
            "trial": trial.number,
            "params": trial.params,
            "searched": {"metrics": trial.metrics},
            "constraints": dict(demands.least_values),
            "gate": None if demands.gate is None else demands.gate.model_dump(mode="json"),
            "outcome": judged.outcome,
            "override": None if judged.override is None else vars(judged.override).copy(),
            "base": {
                "name": experiment.model.base,
                "revision": experiment.model.revision,
                "commit": base_model(experiment).commit,
                "fingerprint": report.base,
            },
            "model": report.model,
            "judgement": {
                "seat": "second",
                "seed": report.sampling.seed,
                "repeats": report.sampling.repeats,
                "surroundings": surroundings(),
            },
            "lineage": [erasure.model_dump(mode="json") for erasure in lineage],
            "experiment": experiment.model_dump(mode="json"),
            "versions": versions(),
            "provenance": provenance(facts, Store(store_root())),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": file_hashes(folder),
        },
    )
