"""Checks of a promoted model that need no model: is everything what it was recorded to be?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pipeline.diffusion.files import INDEX
from pipeline.diffusion.hub import cached
from pipeline.diffusion.load import fingerprint, locate
from pipeline.search.places import MANIFEST, REPORT
from pipeline.tracking.fetching import Version
from pipeline.tracking.manifest import file_digest, versions
from pipeline.tracking.recorded import Recorded
from pipeline.tracking.surroundings import surroundings

Verdict = Literal["same", "warning", "differs"]

_SHOWN: Final = 12  # digits of a digest


@dataclass(frozen=True)
class Finding:
    """One line of a check.

    Attributes:
        what: was looked at.
        verdict: `differs` where the model is not what was recorded; `warning` where that may
            explain a difference, or could not be looked at.
        detail: what was expected, and what came.
    """

    what: str
    verdict: Verdict
    detail: str = ""


class NotAsRecordedError(ValueError):
    """Something is not what it was recorded to be.

    Attributes:
        findings: all that was looked at.
    """

    def __init__(self, name: str, findings: list[Finding]) -> None:
        self.findings = findings
        bad = [f"{each.what}: {each.detail}" for each in findings if each.verdict == "differs"]
        super().__init__(
            f"{name}: expected what was recorded when it was promoted, got {len(bad)} "
            f"{'difference' if len(bad) == 1 else 'differences'}: {'; '.join(bad)}"
        )


def check_whole(version: Version) -> list[Finding]:
    """Whether the manifest is the one that was registered, and every file the one in it."""
    return [*_check_manifest(version), *_check_files(version.folder, version.recorded)]


def check_record(version: Version) -> None:
    """Make sure that a manifest is the one that was registered, and the report the one in it.

    Raises:
        NotAsRecordedError: one of them is not.
    """
    findings = list(_check_manifest(version))
    said = version.recorded.files.get(REPORT)
    path = version.folder / REPORT
    found = file_digest(path) if path.is_file() else "nothing"
    if said is None or found != said.sha256:
        told = f"expected {'none' if said is None else short(said.sha256)}, got {short(found)}"
        findings.append(Finding(REPORT, "differs", told))
    if any(each.verdict == "differs" for each in findings):
        raise NotAsRecordedError(version.name, findings)


def check_base(recorded: Recorded) -> Finding:
    """Whether the base is there, with the weights it had."""
    base = recorded.base
    revision = base.commit or base.revision
    is_needed = recorded.form != "folder"
    # Nobody waits for gigabytes that only a reproduction would need.
    if not is_needed and base.commit and cached(base.name, [INDEX], base.commit) is None:
        told = f"{base.name} is not on this machine; only `unlearn reproduce` needs it"
        return Finding("base", "warning", told)
    try:
        found = fingerprint(locate(base.name, revision).folder)
    except ValueError as error:
        return Finding("base", "differs" if is_needed else "warning", str(error))
    if found == base.fingerprint:
        return Finding("base", "same", f"{base.name}, {short(found)}")
    told = f"{base.name}: expected {short(base.fingerprint)}, got {short(found)}"
    return Finding("base", "differs", told)


def check_versions(recorded: Recorded) -> list[Finding]:
    """Whether Python and the libraries are those of the promotion; else numbers may differ."""
    now = versions()
    names = list(dict.fromkeys([*recorded.versions, *now]))
    differing = [
        Finding(name, "warning", f"was {recorded.versions.get(name, 'absent')}, is {now.get(name)}")
        for name in names
        if recorded.versions.get(name) != now.get(name)
    ]
    return differing or [Finding("versions", "same", f"{len(names)} packages")]


def is_same_place(recorded: Recorded) -> bool:
    """Whether this process computes as the promotion did, so that bits can be compared.

    Never on a GPU, whose kernels may add in another order each time.
    """
    judgement, here = recorded.judgement, surroundings()
    there = None if judgement is None else judgement.surroundings
    return here["device"] == "cpu" and here == there and versions() == recorded.versions


def short(digest: str) -> str:
    """The beginning of a digest, for people."""
    return digest[:_SHOWN]


def _check_manifest(version: Version) -> Iterator[Finding]:
    registered = version.tags.get("manifest")
    if registered is not None:
        found = file_digest(version.folder / MANIFEST)
        if found == registered:
            yield Finding(MANIFEST, "same", "as registered")
        else:
            told = f"registered as {short(registered)}, got {short(found)}"
            yield Finding(MANIFEST, "differs", told)
    elif version.is_registered:
        told = "the registry has no tag `manifest` to hold it against, as every promotion writes"
        yield Finding(MANIFEST, "warning", told)
    recorded = version.recorded
    for name, said in (("model", recorded.model), ("base", recorded.base.fingerprint)):
        tag = version.tags.get(name, said)
        if tag != said:
            told = f"the registry says {short(tag)}, the manifest {short(said)}"
            yield Finding(f"tag {name}", "differs", told)


def _check_files(folder: Path, recorded: Recorded) -> list[Finding]:
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir()
    }
    del found[MANIFEST]
    differing = [
        Finding(name, "differs", "missing") for name in sorted(set(recorded.files) - set(found))
    ]
    for name, path in found.items():
        if path.is_symlink() or not path.is_file():
            differing.append(Finding(name, "differs", "expected a file, got a link or a device"))
        elif name not in recorded.files:
            differing.append(Finding(name, "differs", "not in the manifest"))
        elif (digest := file_digest(path)) != recorded.files[name].sha256:
            wanted = short(recorded.files[name].sha256)
            told = f"changed: expected {wanted}, got {short(digest)}"
            differing.append(Finding(name, "differs", told))
    return differing or [Finding("files", "same", f"{len(found)} files")]
