"""Export: a version as a folder that plain diffusers reads, once every hash has been checked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final, Literal

from pipeline.diffusion.weights import save_pipeline
from pipeline.search.places import GALLERY, MANIFEST, REPORT
from pipeline.tracking.checks import NotAsRecordedError, check_base, check_whole
from pipeline.tracking.fetching import Version
from pipeline.tracking.verification import load_version

ORIGIN: Final = "promoted.json"
"""The manifest in a folder that was put together: its hashes are not of these files."""

_COMPANIONS: Final = ("README.md", REPORT, GALLERY)


def check_target(into: Path) -> Path:
    """The place of an export, made sure that nothing is overwritten.

    Raises:
        ValueError: there is something already.
    """
    into = into.resolve()
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise ValueError(f"{into}: expected a new or an empty folder; name another one")
    return into


def export(version: Version, into: Path, form: Literal["folder", "lora"] = "folder") -> Path:
    """Write a version into a new folder, which appears whole or not at all.

    A complete folder, or adapters alone, are copied as they were registered, with their manifest.
    Adapters or changed tensors that become a complete folder are put around the base here.

    Args:
        version: its files.
        into: the folder, new or empty.
        form: a complete diffusers folder, or adapters for `load_lora_weights`.

    Raises:
        NotAsRecordedError: a file, or the base that is needed, is not what was recorded.
        ValueError: there is something at that place, or the version has no adapters.
    """
    into = check_target(into)
    recorded = version.recorded
    if form == "lora" and recorded.form != "lora":
        raise ValueError(
            f"--as lora: expected a version that was promoted as adapters, {version.name} was "
            f"promoted as {recorded.form}; if its training had adapters (model.lora), promote the "
            "trial again --as lora"
        )
    is_copied = form == recorded.form
    findings = check_whole(version)
    if not is_copied:
        findings.append(check_base(recorded))
    if any(each.verdict == "differs" for each in findings):
        raise NotAsRecordedError(version.name, findings)
    partial = into.with_name(f".{into.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        if is_copied:
            shutil.copytree(version.folder, partial)
        else:
            save_pipeline(load_version(version), partial)
            _tell_origin(version.folder, partial)
        partial.replace(into)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return into


def _tell_origin(promoted: Path, folder: Path) -> None:
    shutil.copyfile(promoted / MANIFEST, folder / ORIGIN)
    for name in _COMPANIONS:
        if (promoted / name).is_file():
            shutil.copyfile(promoted / name, folder / name)
