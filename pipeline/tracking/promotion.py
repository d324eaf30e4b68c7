"""Promotion: a chosen trial, judged once more by other eyes, becomes a version in the registry."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pipeline.config import Experiment, load_space
from pipeline.diffusion.sampling import Progress
from pipeline.diffusion.store import Store
from pipeline.evaluation.exhibits import save_exhibits
from pipeline.evaluation.judge import Evaluation, drawn_in, evaluate
from pipeline.evaluation.locate import classifier_in
from pipeline.evaluation.report import Report
from pipeline.prompts import build_prompt_set
from pipeline.search.files import write_json
from pipeline.search.lineage import extended, reports
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
from pipeline.search.trial import base_model
from pipeline.tracking.choose import check_constraints, choose, lacking
from pipeline.tracking.forms import WEIGHTS_OF, Form, check_form, write_form
from pipeline.tracking.manifest import file_hashes, versions
from pipeline.tracking.marks import mark
from pipeline.tracking.publication import publish
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
        registered: name, version and the version that was champion before.
        run: MLflow's id of the trial's run.
        uri: of the tracking server.
    """

    trial: int
    folder: Path
    report: Report
    registered: Registered
    run: str
    uri: str


class NotConfirmedError(ValueError):
    """The second judgement does not confirm what the search measured.

    Attributes:
        report: the second judgement.
    """

    def __init__(
        self, trial: int, failed: Mapping[str, tuple[float, float]], report: Report
    ) -> None:
        self.report = report
        parts = [f"{name} {value:.4f} < {wanted:g}" for name, (value, wanted) in failed.items()]
        super().__init__(
            f"trial {trial}: expected the second judge to confirm it, got {', '.join(parts)} on "
            f"{report.images.forget + report.images.retain} fresh pictures; name another trial "
            "with --trial, or lower a bound"
        )


def promote(  # noqa: PLR0913  (what, how it is judged, kept and registered)
    record: SweepRecord,
    constraints: Mapping[str, float],
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
    and thrown away if the second judgement does not confirm it.

    Args:
        record: a sweep.
        constraints: least value by metric; must hold in the search's judgement and in the second.
        trial: which one; the one that `choose` takes if None.
        uri: MLflow's tracking URI; as for `Mirror` if None.
        judgement: how the second judgement is made; its defaults if None.
        progress: told how many pictures are done.
        form: in which the model is kept and registered.
        listing: as what it is registered; as its sweep's champion if None.

    Raises:
        NothingQualifiesError: no member of the front meets the constraints.
        NotConfirmedError: the second judgement does not.
        ValueError: there is no such complete trial, it fails a constraint, its files are missing,
            it has no adapters to keep alone, there is no second classifier, or MLflow can't be
            reached.
    """
    chosen = choose(record, constraints) if trial is None else _named(record, trial, constraints)
    address = tracking_uri() if uri is None else uri
    experiment = load_space(chosen.folder / EXPERIMENT).fixed()
    check_form(form, experiment)
    judgement = judgement or SecondJudgement()
    folder = record.folder / "promoted" / Path(trial_name(chosen.number)).name
    partial = folder.with_name(f".{folder.name}.partial")
    # Beside the folder that is thrown away: a judgement that was killed goes on with them.
    pictures = folder.with_name(f".{folder.name}.{PICTURES}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        places = (partial, pictures)
        judged = _judged_folder(experiment, chosen, form, places, judgement, progress)
        shutil.rmtree(pictures, ignore_errors=True)
        failed = lacking(judged.report.metrics, constraints)
        if failed:
            raise NotConfirmedError(chosen.number, failed, judged.report)
        judged.report.save(partial / REPORT)
        judged.draw_gallery(partial / GALLERY, experiment.evaluation.gallery)
        save_exhibits(judged, _EXHIBITS, partial / EXHIBITS)
        _write_manifest((form, partial), record, chosen, experiment, constraints, judged.report)
        shutil.rmtree(folder, ignore_errors=True)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    registered, run = publish(
        record, chosen, (form, folder), judged.report, address, listing or Listing()
    )
    mark(folder, registered.name, registered.version, registered.alias)
    return Promotion(chosen.number, folder, judged.report, registered, run, address)


def _named(record: SweepRecord, number: int, constraints: Mapping[str, float]) -> TrialRecord:
    found = next((trial for trial in record.trials if trial.number == number), None)
    if found is None or found.state != "complete":
        complete = [str(trial.number) for trial in record.trials if trial.state == "complete"]
        state = "no such trial" if found is None else f"a {found.state} one"
        raise ValueError(
            f"trial {number}: expected a complete trial of {record.name} "
            f"({', '.join(complete) or 'there is none yet'}), got {state}"
        )
    check_constraints(constraints, [found])
    failed = lacking(found.metrics, constraints)
    if failed:
        parts = [f"{name} {value:.4f} < {wanted:g}" for name, (value, wanted) in failed.items()]
        raise ValueError(
            f"trial {number}: expected it to meet every bound, got {', '.join(parts)}; "
            "name another trial, or lower a bound"
        )
    return found


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
        raise ValueError(f"{weights}: expected the trial's weights, found none; resume the sweep")
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
        progress=progress,
    )


def _write_manifest(
    place: tuple[Form, Path],
    record: SweepRecord,
    trial: TrialRecord,
    experiment: Experiment,
    constraints: Mapping[str, float],
    report: Report,
) -> None:
    form, folder = place
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
            "constraints": dict(constraints),
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
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": file_hashes(folder),
        },
    )
