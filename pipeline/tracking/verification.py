"""Verification: is a version what was judged, file by file and picture by picture?"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pipeline.diffusion.load import fastest_device, load_model
from pipeline.diffusion.model import DiffusionModel
from pipeline.diffusion.sampling import Progress, Sampler
from pipeline.diffusion.weights import apply_weights
from pipeline.evaluation.exhibits import TOLERANCE, Exhibit, load_exhibits, redraw
from pipeline.evaluation.report import Report
from pipeline.search.places import EXHIBITS, REPORT
from pipeline.tracking.checks import (
    Finding,
    check_base,
    check_versions,
    check_whole,
    is_same_place,
    short,
)
from pipeline.tracking.fetching import Version


def verify(version: Version, pictures: int, progress: Progress | None = None) -> list[Finding]:
    """Check every hash, the base and the libraries, and have the weights draw again.

    A model whose files are not those that were recorded is not loaded.

    Args:
        version: its files and what is known of them.
        pictures: how many of the kept pictures are drawn again, at most.
        progress: told how many of them are done.

    Raises:
        ValueError: the record itself is damaged.
    """
    recorded = version.recorded
    findings = check_whole(version)
    base = check_base(recorded)
    findings += [base, *check_versions(recorded)]
    is_whole = all(each.verdict != "differs" for each in findings if each is not base)
    if not is_whole or (recorded.form != "folder" and base.verdict != "same"):
        return [*findings, Finding("pictures", "warning", "not drawn, as files differ")]
    model = load_version(version)
    said = f"expected {short(recorded.model)}, got {short(model.fingerprint)}"
    if model.fingerprint == recorded.model:
        findings.append(Finding("model", "same", short(recorded.model)))
    else:
        findings.append(Finding("model", "differs", said))
    return [*findings, *_check_pictures(version, model, pictures, progress)]


def load_version(version: Version) -> DiffusionModel:
    """The model of a version, whatever its form, on this machine's fastest device.

    Raises:
        ValueError: the base is another one or is not there, or the files are no model's.
    """
    recorded = version.recorded
    device = fastest_device()
    if recorded.weights is None:
        return load_model(version.folder, device=device)
    base = recorded.base
    around = load_model(base.name, base.commit or base.revision, device)
    return apply_weights(around, version.folder / recorded.weights)


def _check_pictures(
    version: Version, model: DiffusionModel, count: int, progress: Progress | None
) -> list[Finding]:
    kept = load_exhibits(version.folder / EXHIBITS)
    chosen = _spread(len(kept), count)
    if not chosen:
        why = "none was kept" if not kept else "none was asked for"
        return [Finding("pictures", "warning", f"not drawn: {why}")]
    sampling = Report.load(version.folder / REPORT).sampling
    batch = version.recorded.made_by.evaluation.batch
    sampler = Sampler(sampling.steps, sampling.guidance, batch)
    drawn = redraw(model, [kept[place] for place in chosen], sampler, progress)
    exactly = is_same_place(version.recorded)
    return [
        _compared(f"picture {place:02d}", kept[place], levels, exactly=exactly)
        for place, levels in zip(chosen, drawn, strict=True)
    ]


def _compared(what: str, exhibit: Exhibit, levels: Tensor, *, exactly: bool) -> Finding:
    if exhibit.same(levels):
        return Finding(what, "same", f"seed {exhibit.seed}, to the bit")
    distance = exhibit.distance(levels)
    told = f"seed {exhibit.seed}, {distance:.2f} levels away"
    if exactly:
        return Finding(what, "differs", f"{told}; expected the same bits, here as there")
    if distance <= TOLERANCE:
        return Finding(what, "same", f"{told}, within {TOLERANCE} for another machine")
    return Finding(what, "differs", f"{told}; expected at most {TOLERANCE}")


def _spread(available: int, count: int) -> Sequence[int]:
    kept = min(available, count)
    return [place * available // kept for place in range(kept)]
