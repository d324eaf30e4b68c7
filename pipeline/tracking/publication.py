"""Publication: a promoted folder becomes a version in the registry, under its trial's run."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.config import ConceptConfig
from pipeline.evaluation.report import Report
from pipeline.search.places import GALLERY, MANIFEST
from pipeline.search.records import SweepRecord, TrialRecord
from pipeline.tracking.connection import connect
from pipeline.tracking.forms import Form
from pipeline.tracking.gate_record import log_gate, tags_of
from pipeline.tracking.gate_result import GateResult
from pipeline.tracking.gate_section import gate_section
from pipeline.tracking.ledger import Ledger, Sent, server_name
from pipeline.tracking.limits import description
from pipeline.tracking.manifest import file_digest
from pipeline.tracking.markdown import code, escaped
from pipeline.tracking.marks import mark, marking
from pipeline.tracking.mirror import LEDGER, Mirror
from pipeline.tracking.registry import Listing, Registered, check_concept, register
from pipeline.tracking.story import came_from, tell_promotion
from pipeline.tracking.table import table_of
from pipeline.tracking.trial_run import log_image_once, log_metrics

if TYPE_CHECKING:
    from mlflow import MlflowClient

_TIMEOUT: Final = 60  # seconds: somebody waits, and uploads are large
_RETRIES: Final = 2
_SOON: Final = 10  # seconds, for a look before the judgement
_DESCRIBED: Final = (
    "erasure",
    "ua",
    "ira",
    "cra",
    "worst_neighbour",
    "alignment",
    "none_share_forget",
    "image_distance_forget",
    "image_distance",
)
"""Metrics in a version's description, as far as measured; all others are in its report."""
_TAGGED: Final = ("ua", "ira", "cra", "alignment")
"""Those that are tags of a version too."""
_AS_CHAMPION: Final = Listing()


def check_listing(listing: Listing, concept: ConceptConfig, uri: str) -> None:
    """Refuse a model of another concept before anything is judged, where the server answers.

    Raises:
        ValueError: the versions of the model that is named erased something else.
    """
    if listing.name is None:
        return
    from mlflow.exceptions import MlflowException

    # It is checked again when it is registered: a server that is away keeps nobody from judging.
    with suppress(MlflowException, OSError):
        check_concept(connect(uri, timeout=_SOON), listing.name, ", ".join(concept.values))


def publish(
    record: SweepRecord,
    trial: TrialRecord,
    place: tuple[Form, Path],
    judged: GateResult,
    uri: str,
    listing: Listing = _AS_CHAMPION,
) -> tuple[Registered, str]:
    """Upload a promoted folder, in whatever form, under its trial's run and register it.

    Returns:
        The version, and MLflow's id of the trial's run.

    Raises:
        ValueError: MLflow can't be reached, or refuses.
    """
    from mlflow.exceptions import MlflowException

    folder = place[1]
    backlog = Mirror(record.folder, uri).sync_once()
    ledger = Ledger.load(record.folder / LEDGER, uri)
    sent = ledger.trials.get(trial.number)
    if sent is None or trial.number in backlog.trials:
        raise ValueError(
            f"{server_name(uri)}: expected MLflow to take trial {trial.number}, got: "
            f"{backlog.reason}; the judged folder stays in "
            f"{folder}: promote again when MLflow answers"
        )
    client = connect(uri, timeout=_TIMEOUT, retries=_RETRIES)
    try:
        registered = _register(client, record, trial, place, judged, (sent, listing))
    except (MlflowException, OSError) as error:
        raise ValueError(
            f"{server_name(uri)}: expected MLflow to register the model, got: "
            f"{server_name(str(error))}; the judged folder stays in "
            f"{folder}: promote again when MLflow answers"
        ) from error
    # It is registered: a description that is not told is no reason to promote it again.
    with suppress(MlflowException):
        tell_promotion(client, ledger, table_of(record), trial)
    return registered, sent.run


def _register(
    client: MlflowClient,
    record: SweepRecord,
    trial: TrialRecord,
    form_and_folder: tuple[Form, Path],
    judged: GateResult,
    how: tuple[Sent, Listing],
) -> Registered:
    form, folder = form_and_folder
    sent, listing = how
    report = judged.report
    # A place of its own for every promotion: an earlier version's files must not change.
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    place = f"promoted/{moment}"
    client.log_artifacts(sent.run, str(folder), place)
    confirmed = {f"promotion/{name}": value for name, value in report.metrics.items()}
    log_metrics(client, sent.run, sent.start, confirmed, 0)
    log_gate(client, sent.run, judged)
    if (folder / GALLERY).is_file():
        log_image_once(client, sent.run, folder / GALLERY, f"promoted {moment}", 0)
    earlier = report.regression
    tags: dict[str, str] = {
        "sweep": record.name,
        "trial": str(trial.number),
        "form": form,
        "concept": ", ".join(report.concept.values),
        **({"erased_before": ", ".join(each.concept for each in earlier)} if earlier else {}),
        "base": report.base,
        "model": report.model,
        # The manifest vouches for every file; this vouches for the manifest.
        "manifest": file_digest(folder / MANIFEST),
        **tags_of(judged),
        **{name: f"{report.metrics[name]:.6g}" for name in _TAGGED if name in report.metrics},
    }
    return register(
        client,
        listing.name or record.name,
        f"runs:/{sent.run}/{place}",
        sent.run,
        tags=tags,
        description=description(_description(record, trial, judged), came_from(client, sent)),
        challenger=listing.challenger,
        # From here on the folder is a version's: whatever is interrupted, nobody takes it.
        made=partial(mark, folder, standing="registered"),
        tell=marking(record.folder.parent),
    )


def _description(record: SweepRecord, trial: TrialRecord, judged: GateResult) -> str:
    report = judged.report
    rows = [
        f"| {name} | {report.metrics[name]:.4f} | {report.base_metrics[name]:.4f} |"
        for name in _DESCRIBED
        if name in report.metrics
    ]
    pictures = report.images.forget + report.images.retain
    return "\n".join(
        [
            (
                f"**{escaped(', '.join(report.concept.values))}** erased: trial {trial.number} of "
                f"sweep `{record.name}`, judged by {code(report.judge.classifier.name)} on "
                f"{pictures} fresh pictures.\n"
            ),
            *gate_section(judged),
            "",
            "| metric | this model | base |",
            "|---|---|---|",
            *rows,
            *_singly(report),
            *_regression(report),
        ]
    )


def _singly(report: Report) -> list[str]:
    """Rows for each of several concepts that were erased at once."""
    return [
        f"| {metric} of {escaped(name)} | {values[metric]:.4f} | |"
        for name, values in report.by_concept.items()
        for metric in ("erasure", "ua")
    ]


def _regression(report: Report) -> list[str]:
    """What was erased before, now and when it was promoted."""
    if not report.regression:
        return []
    rows = [
        f"| {escaped(each.concept)} | {each.now.ua:.4f} | {each.promoted.ua:.4f} |"
        if each.promoted
        else f"| {escaped(each.concept)} | {each.now.ua:.4f} | not judged |"
        for each in report.regression
    ]
    return ["", "| erased before | ua now | ua when promoted |", "|---|---|---|", *rows]
