"""Where a promoted model comes from, as far as hashes and versions can tell."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires
from pathlib import Path
from typing import Any, Final

from safetensors import safe_open

import pipeline
from pipeline.config import Experiment
from pipeline.diffusion.store import Store, digest_of
from pipeline.diffusion.synthesis import picture_keys
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.prompt_set import PromptSet
from pipeline.search.files import read_json
from pipeline.search.places import SWEEP, WEIGHTS
from pipeline.search.records import SweepRecord
from pipeline.tracking.manifest import file_digest
from pipeline.tracking.model_card import CardFacts
from pipeline.unlearning import training_pictures

_PACKAGE: Final = "unlearn-sweep"
_GIT_SECONDS: Final = 10
_FOR_DEVELOPERS: Final = re.compile(r"extra\s*==\s*['\"]dev['\"]")


def provenance(facts: CardFacts, store: Store) -> dict[str, Any]:
    """What made a model, as plain data for its manifest.

    Args:
        facts: what is promoted.
        store: has the pictures that it was trained on, unless they were cleared away.
    """
    record, trial, experiment = facts.record, facts.trial, facts.experiment
    prompt_set, report = facts.prompt_set, facts.result.report
    return {
        "sweep": {"name": record.name, **_of_the_sweep(record)},
        "trial": trial.number,
        "base": {"name": experiment.model.base, "fingerprint": report.base},
        "prompts": prompts_hashed(prompt_set),
        "images": _images(experiment, prompt_set, report.base, store),
        "weights": _weights(trial.folder / WEIGHTS),
        "judges": report.judge.model_dump(mode="json"),
        "seeds": {
            "training": experiment.seed,
            "prompts": experiment.prompts.seed,
            "images": experiment.synthesis.seed,
            "searched_by": experiment.evaluation.seed,
            "judged_by": report.sampling.seed,
        },
        "code": code_version(),
        "dependencies": dependencies(),
    }


def prompts_hashed(prompt_set: PromptSet) -> dict[str, Any]:
    """SHA-256 and number of the prompts of each pool: of every sentence, label, anchor and seed."""
    pools: dict[str, Sequence[Prompt]] = {
        "forget_train": prompt_set.forget_train,
        **{f"retain_train.{name}": pool for name, pool in prompt_set.retain_train.items()},
        "forget_test": prompt_set.forget_test,
        "retain_test": prompt_set.retain_test,
        "earlier_test": [prompt for each in prompt_set.earlier for prompt in each.prompts],
    }
    told = {name: [_plain(prompt) for prompt in pool] for name, pool in pools.items()}
    return {
        "sha256": _hash([told, sorted(prompt_set.retain_mix.items())]),
        "pools": {
            name: {"sha256": _hash(pool), "number": len(pool)} for name, pool in told.items()
        },
    }


def code_version() -> dict[str, Any]:
    """This package's version, and the commit that it was run or installed from, if one is known.

    `dirty` says whether files of the package differed from the commit.
    """
    own = {"version": pipeline.__version__}
    root = Path(pipeline.__file__).resolve().parent
    # A checkout that merely lies around the package, as of a home folder, does not track it.
    if _git(root, "ls-files", "--error-unmatch", "__init__.py") is not None:
        commit, changed = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", ".")
        return {**own, "commit": commit, "dirty": bool(changed)}
    origin = _direct_url(_found(_PACKAGE)).get("vcs_info", {})
    return {**own, "commit": origin["commit_id"]} if "commit_id" in origin else own


def dependencies() -> dict[str, str]:
    """Version of every library that this package asks for and that is installed, by name."""
    asked = (requires(_PACKAGE) or ()) if _found(_PACKAGE) else ()
    asked = [text for text in asked if not _FOR_DEVELOPERS.search(text)]
    # A requirement begins with its name (PEP 508).
    names = {start[0] for text in asked if (start := re.match(r"[\w.-]+", text, re.ASCII))}
    found = {name: _found(name) for name in sorted(names, key=str.lower)}
    return {name: each.version for name, each in found.items() if each is not None}


def _of_the_sweep(record: SweepRecord) -> dict[str, Any]:
    facts = read_json(record.folder / SWEEP) or {}
    return {name: facts[name] for name in ("created", "version") if name in facts}


def _images(
    experiment: Experiment, prompt_set: PromptSet, base: str, store: Store
) -> dict[str, Any] | None:
    """The pictures that taught; None where there was nothing to train.

    Keys are hashes of what each was made from, digests those of what came out; digests are of the
    pictures that the store still has.
    """
    if not experiment.is_trained:
        return None
    wanted = training_pictures(prompt_set, experiment)
    keys = picture_keys(base, wanted.texts, wanted.seeds, wanted.sampler)
    found = [store.get(key) for key in keys]
    digests = [None if each is None else digest_of(each) for each in found]
    return {
        "number": len(keys),
        "keys_sha256": _hash(keys),
        "found": sum(digest is not None for digest in digests),
        "sha256": None if None in digests else _hash(digests),
    }


def _weights(path: Path) -> dict[str, Any]:
    """Hash of the trial's weights, and what they say they were made from."""
    with safe_open(path, "pt") as file:
        told = (file.metadata() or {}).get("story", "{}")
    return {"sha256": file_digest(path), "story": json.loads(told)}


def _plain(prompt: Prompt) -> list[Any]:
    labels = sorted(prompt.labels.items())
    return [prompt.text, labels, prompt.source, prompt.anchor, prompt.seed, prompt.guidance]


def _hash(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says of a folder; None where it says nothing good, or is not there."""
    try:
        told = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip()


def _found(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _direct_url(package: Distribution | None) -> dict[str, Any]:
    """Where pip has the package from (PEP 610)."""
    text = None if package is None else package.read_text("direct_url.json")
    try:
        data = json.loads(text or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
