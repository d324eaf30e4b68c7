"""From what a user calls a model to the model, and to the experiment that made it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.cli.folders import existing_sweep

if TYPE_CHECKING:
    import torch

    from pipeline.config import Experiment
    from pipeline.diffusion import DiffusionModel

_TRIAL: Final = re.compile(r"([^/]+)/(?:trials/)?(\d{1,6})")
_CHAMPION: Final = re.compile(r"([^/]+)/champion")


@dataclass(frozen=True)
class NamedModel:
    """A model on this machine's device.

    Attributes:
        model: ready to sample.
        experiment: what made it; None for a model that comes from elsewhere.
    """

    model: DiffusionModel
    experiment: Experiment | None


def open_model(name: str) -> NamedModel:
    """Load `fashion-canvas`, a diffusers folder, a hub id, SWEEP/TRIAL or SWEEP/champion.

    Raises:
        ValueError: there is no such model.
    """
    trial, champion = _TRIAL.fullmatch(name), _CHAMPION.fullmatch(name)
    if not (Path(name) / "model_index.json").is_file():
        if trial is not None:
            return _open_trial(existing_sweep(trial[1]), int(trial[2]))
        if champion is not None:
            return _open_folder(str(_champion_folder(existing_sweep(champion[1]))))
    return _open_folder(name)


def _open_folder(name: str) -> NamedModel:
    from pipeline.config import load_space
    from pipeline.diffusion import load_model

    beside = Path(name) / "experiment.yaml"
    experiment = load_space(beside).fixed() if beside.is_file() else None
    return NamedModel(load_model(name, device=_device()), experiment)


def _open_trial(sweep: Path, number: int) -> NamedModel:
    from pipeline.diffusion import apply_weights
    from pipeline.search.places import WEIGHTS, trial_name
    from pipeline.search.trial import base_model, read_experiment

    folder = sweep / trial_name(number)
    if not folder.is_dir():
        last = max((int(path.name) for path in sweep.glob("trials/[0-9]*")), default=None)
        known = "it has no trials yet" if last is None else f"its last one is {last}"
        raise ValueError(f"{sweep.name}/{number}: expected a trial of sweep {sweep.name}; {known}")
    if not (folder / WEIGHTS).is_file():
        raise ValueError(
            f"{sweep.name}/{number}: expected a trained trial, it has no weights: it failed or is "
            f"not done; see `unlearn pareto {sweep.name}`, or go on with `unlearn resume "
            f"{sweep.name}`"
        )
    experiment = read_experiment(folder)
    return NamedModel(apply_weights(base_model(experiment), folder / WEIGHTS), experiment)


def _champion_folder(sweep: Path) -> Path:
    folder = sweep / "champion"
    if not folder.is_dir():
        raise ValueError(
            f"{sweep.name}/champion: expected a promoted model, none was promoted yet; "
            f"run `unlearn promote {sweep.name}`"
        )
    return folder


def _device() -> torch.device:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
