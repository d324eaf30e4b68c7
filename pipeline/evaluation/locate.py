"""From the names that experiments give judges to folders on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pipeline.config import EMBEDDED_NAME, EvaluationConfig
from pipeline.config.embedded import embedded
from pipeline.config.evaluation import ClassifierConfig
from pipeline.config.user_path import user_path
from pipeline.diffusion.hub import fetch, may_be_hub_id

ClassifierKind = Literal["classifier", "second-classifier"]
JudgeKind = Literal[ClassifierKind, "clip", "unlearncanvas_vit", "transformers"]
Seat = Literal["first", "second"]
"""Whether searches use a classifier, or none does."""

_ON_THE_HUB: Final = ("clip", "transformers")
_FILES: Final = ["*.json", "*.txt", "model*.safetensors"]


def judge_folder(kind: JudgeKind, name: str) -> Path:
    """The folder of a judge: an embedded one, a folder, or (where hubs have any) one fetched.

    Raises:
        ValueError: there is no such judge.
    """
    match kind:
        case "unlearncanvas_vit" | "transformers":
            ours = ""
        case "classifier" | "second-classifier" | "clip":
            inside = embedded(kind, name)
            if inside is not None:
                return _whole(inside, kind, name)
            ours = f"`{EMBEDDED_NAME}` (embedded) or "
    path = user_path(name)
    if path.is_dir():
        return path
    if kind not in _ON_THE_HUB or not may_be_hub_id(name):
        hub = ", or a hub id such as owner/name" if kind in _ON_THE_HUB else ""
        raise ValueError(f"{kind} {name!r}: expected {ours}a folder{hub}; there is no such folder")
    return _fetched(kind, name)


def classifier_in(seat: Seat, settings: EvaluationConfig) -> ClassifierConfig:
    """The classifier that searches use, or the one that confirms what it has found.

    Raises:
        ValueError: there is no second one, or it is the first one's folder.
    """
    if seat == "first":
        return settings.classifier
    first, second = settings.classifier, settings.second_classifier
    if second is None and first == EMBEDDED_NAME:
        second = EMBEDDED_NAME
    if second is None or _are_one_folder(first, second):
        got = "none" if second is None else "the search's own"
        raise ValueError(
            "evaluation.second_classifier: expected a second classifier that no search has used, "
            f"got {got}; name another one: a folder, or a judge for each axis"
        )
    return second


def _are_one_folder(first: ClassifierConfig, second: ClassifierConfig) -> bool:
    if not isinstance(first, str) or not isinstance(second, str):
        return False
    return judge_folder("classifier", first) == judge_folder("second-classifier", second)


def _whole(inside: Path, kind: str, name: str) -> Path:
    if not inside.is_dir():
        raise ValueError(
            f"{kind} {name!r}: expected the embedded weights in {inside}, found none; "
            "install the package whole, or make them with `unlearn canvas build`"
        )
    return inside


def _fetched(kind: str, name: str) -> Path:
    """A snapshot of `owner/name`, or of `owner/name@revision`."""
    repository, _, revision = name.partition("@")
    return fetch(kind, repository, _FILES, revision or None).folder
