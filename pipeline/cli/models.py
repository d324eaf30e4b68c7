"""From what a user calls a model to the model, and to the experiment that made it.

Finding comes before loading: a name that leads nowhere is told at once, not after the libraries
that load models.
"""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.cli.folders import existing_sweep
from pipeline.config import embedded, load_space, parse_space
from pipeline.config.plain_json import load_object
from pipeline.config.space import put
from pipeline.config.user_path import user_path
from pipeline.search.files import read_json
from pipeline.search.lineage import with_lineage
from pipeline.search.outcome import why_no_weights
from pipeline.search.places import EXPERIMENT, MANIFEST, WEIGHTS, sweeps_folder, trial_name

if TYPE_CHECKING:
    from pipeline.config import Experiment, SearchSpace
    from pipeline.diffusion import DiffusionModel

_TRIAL: Final = re.compile(r"([^/]+)/(?:trials/)?(\d{1,6})")
_CHAMPION: Final = re.compile(r"([^/]+)/champion")


@dataclass(frozen=True)
class FoundModel:
    """A model that was found and is not loaded yet.

    Attributes:
        base: embedded name, folder or hub id of a complete model.
        revision: of a hub id.
        weights: of a trial, or of a promoted model that is not complete, to be put around the
            base; None where the base is the model.
        experiment: what made it; None for a model that comes from elsewhere.
    """

    base: str
    revision: str | None = None
    weights: Path | None = None
    experiment: Experiment | None = None

    def load(self) -> DiffusionModel:
        """The model on this machine's fastest device.

        Raises:
            ValueError: its files are not those of a model.
        """
        from pipeline.diffusion.load import fastest_device, load_model
        from pipeline.diffusion.weights import apply_weights

        base = load_model(self.base, self.revision, fastest_device())
        return base if self.weights is None else apply_weights(base, self.weights)


def find_model(name: str) -> FoundModel:
    """Find `fashion-canvas`, a folder, a hub id, SWEEP/TRIAL or SWEEP/champion.

    A folder is a diffusers pipeline, or a promoted model in any of its forms.

    Raises:
        ValueError: there is no such model.
    """
    folder = user_path(name)
    if embedded("base", name) is not None:
        return FoundModel(name)
    if (folder / "model_index.json").is_file():
        return FoundModel(str(folder), experiment=_experiment_of(folder))
    if trial := _TRIAL.fullmatch(name):
        return _trial_of(existing_sweep(trial[1]), int(trial[2]))
    if champion := _CHAMPION.fullmatch(name):
        promoted = _promoted_last(existing_sweep(champion[1]))
        return _promoted(promoted)
    if (folder / MANIFEST).is_file() and "weights" in _json(folder / MANIFEST):
        return _promoted(folder)
    if folder.exists():
        raise ValueError(f"{name}: expected a diffusers folder, it has no model_index.json")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ValueError(
            f"{name}: expected fashion-canvas, a diffusers folder, a hub id (owner/name), "
            "SWEEP/TRIAL or SWEEP/champion; there is nothing of that name"
            + (
                ""
                if "@" not in name
                else f"; a registered version: `unlearn export {name} DIR`, and name that folder"
            )
        )
    return FoundModel(name)


def with_known_base(space: SearchSpace) -> SearchSpace:
    """The space with a base `SWEEP/champion` found, and what a promoted base has forgotten.

    Raises:
        ValueError: the sweep has no champion, or the space contradicts the base's manifest.
    """
    named = _CHAMPION.fullmatch(space.base)
    if named and (sweeps_folder() / named[1]).is_dir():
        tree = deepcopy(space.tree)
        put(tree, "model.base", str(_promoted_last(existing_sweep(named[1]))))
        space = parse_space(tree, space.base)
    return with_lineage(space)


def _promoted(folder: Path) -> FoundModel:
    """A promoted folder: complete, or with what belongs around its base."""
    made_by = _experiment_of(folder)
    weights = _json(folder / MANIFEST).get("weights")
    if weights is None or made_by is None:
        return FoundModel(str(folder), experiment=made_by)
    # The name is a file's of this folder: one that is a path could lead out of it.
    path = folder / str(weights)
    if path.parent != folder or not path.is_file():
        raise ValueError(
            f"{folder / MANIFEST}: expected a file of this folder as weights, got {weights!r}; "
            "promote the trial again"
        )
    return FoundModel(made_by.model.base, made_by.model.revision, path, made_by)


def _trial_of(sweep: Path, number: int) -> FoundModel:
    folder = sweep / trial_name(number)
    if not folder.is_dir():
        last = max((int(path.name) for path in sweep.glob("trials/[0-9]*")), default=None)
        known = "it has none yet" if last is None else f"its last one is {last}"
        raise ValueError(f"{sweep.name}/{number}: expected a trial of {sweep.name}; {known}")
    if not (folder / WEIGHTS).is_file():
        raise ValueError(f"{sweep.name}/{number}: {why_no_weights(folder)}")
    made_by = load_space(folder / EXPERIMENT).fixed()
    return FoundModel(made_by.model.base, made_by.model.revision, folder / WEIGHTS, made_by)


def _promoted_last(sweep: Path) -> Path:
    marked = {
        path: read_json(path.parent.with_suffix(".json"))
        for path in sweep.glob(f"promoted/[0-9]*/{MANIFEST}")
        if path.parent.with_suffix(".json").is_file()
    }
    # A mark that says no standing is older than challengers and rollbacks.
    champions = {
        path: (mark or {}).get("name", sweep.name)
        for path, mark in marked.items()
        if (mark or {}).get("standing", "champion") == "champion"
    }
    # The sweep's own model comes before those that its trials were registered into.
    own = [path for path, name in champions.items() if name == sweep.name]
    manifests = own or list(champions)
    if not manifests:
        remedy = (
            "there is none yet" if not marked else "none of those in its folder is the champion"
        )
        raise ValueError(
            f"{sweep.name}/champion: expected a promoted model, {remedy}; run `unlearn promote "
            f"{sweep.name}`, or `unlearn export {sweep.name}@champion DIR` and name that folder"
        )
    return max(manifests, key=lambda path: str(_json(path)["created"])).parent


def _experiment_of(folder: Path) -> Experiment | None:
    """The experiment in a promoted folder's manifest; None for a folder from elsewhere."""
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return None
    tree = _json(manifest).get("experiment")
    return parse_space(tree, str(manifest)).fixed() if isinstance(tree, dict) else None


def _json(path: Path) -> dict[str, object]:
    return load_object(path, "promote the trial again")
