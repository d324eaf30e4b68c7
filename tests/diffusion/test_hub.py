"""Models by hub id: what is fetched of a repository, offline use, and what refusals say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.diffusion.hub_server import COMMIT, TOKEN, Hub, serving
from tests.diffusion.tiny import build

CHILD = """
import json, sys
from pipeline.diffusion import load_model
from pipeline.diffusion.load import locate
for line in sys.stdin:
    asked = json.loads(line)
    try:
        if asked["load"]:
            model = load_model(asked["base"], asked["revision"])
            told = {"fingerprint": model.fingerprint, "commit": model.commit}
        else:
            found = locate(asked["base"], asked["revision"])
            told = {"commit": found.commit}
    except ValueError as error:
        told = {"error": str(error)}
    print(json.dumps(told), flush=True)
"""
"""Answers one question a line; the hub's address is read when its library is imported."""


class Loader:
    """A process that loads models from a hub's address.

    Args:
        cache: of the hub's files.
        address: of the hub.
        offline: whether the user forbids to ask it.
    """

    def __init__(self, cache: Path, address: str, *, offline: bool = False) -> None:
        environment = {
            **os.environ,
            "HF_HOME": str(cache),
            "HF_ENDPOINT": address,
            "HF_HUB_OFFLINE": str(int(offline)),
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }
        self.cache, self._said = cache, ""
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, base: str, revision: str | None = None, *, load: bool = False) -> dict[str, str]:
        """What loading it, or finding its files, comes to."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(
            json.dumps({"base": base, "revision": revision, "load": load}) + "\n"
        )
        self._process.stdin.flush()
        told: dict[str, str] = json.loads(self._process.stdout.readline())
        return told

    def close(self) -> str:
        """End it; returns all that it said beside its answers."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            _, self._said = self._process.communicate(timeout=60)
        return self._said


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A good repository with much that nobody needs, one without safetensors, and others."""
    root = tmp_path_factory.mktemp("hub")
    good = build("sd1", root / "good")
    for path in (
        *("unet/diffusion_pytorch_model.fp16.safetensors", "unet/diffusion_pytorch_model.bin"),
        *("text_encoder/model.fp16.safetensors", "safety_checker/model.safetensors"),
        *("v1-5-pruned.ckpt", "v1-5-pruned.safetensors", "README.md"),
    ):
        (good / path).parent.mkdir(exist_ok=True)
        (good / path).write_text("not needed")
    pickled = root / "pickled"
    shutil.copytree(good, pickled)
    for weights in pickled.rglob("*.safetensors"):
        weights.rename(weights.with_suffix(".bin"))
    unknown = root / "unknown"
    unknown.mkdir()
    (unknown / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline"}))
    repositories = {"us/good": good, "us/gated": good, "us/pickled": pickled, "us/new": unknown}
    with serving(Hub(repositories, frozenset({"us/gated"}))) as there:
        yield there


@pytest.fixture(scope="module")
def loaders(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Loader]]:
    """Three processes of one cache, started together: they import for a while."""
    cache = tmp_path_factory.mktemp("cache")
    found = {
        "online": Loader(cache, hub.address),
        "offline": Loader(cache, hub.address, offline=True),
        # Nobody listens there.
        "unreachable": Loader(cache, "http://127.0.0.1:1"),
    }
    yield found
    assert not [loader for loader in found.values() if TOKEN in loader.close()]


def test_what_is_needed_is_fetched_and_what_is_wrong_is_told(
    hub: Hub, loaders: dict[str, Loader]
) -> None:
    loader = loaders["online"]
    good = loader.ask("us/good", load=True)
    fetched = set(hub.fetched)
    refusals = {
        "us/none": loader.ask("us/none"),
        "us/gated": loader.ask("us/gated"),
        "revision": loader.ask("us/good", "v9"),
        "us/pickled": loader.ask("us/pickled"),
        "us/new": loader.ask("us/new"),
        "us/b d": loader.ask("us/b d"),
    }
    assert good["commit"] == COMMIT
    assert {path for path in fetched if path.endswith(".safetensors")} == {
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
    }
    assert {path.partition("/")[0] for path in fetched} == {
        *("model_index.json", "unet", "vae", "text_encoder", "tokenizer", "scheduler")
    }
    errors = {name: told["error"] for name, told in refusals.items()}
    for name, words in {
        "us/none": f"expected a repository at {hub.address}/us/none, found none",
        "us/gated": f"accept the terms at {hub.address}/us/gated, then log in with `hf auth login`",
        "revision": "expected a commit, tag or branch 'v9', found none",
        "us/pickled": "found only pickles (unet/diffusion_pytorch_model.bin",
        "us/new": "to be one of StableDiffusionPipeline, StableDiffusionXLPipeline",
        "us/b d": "expected owner/name",
    }.items():
        assert words in errors[name], errors[name]
    assert not [error for error in errors.values() if TOKEN in error]
    # What is refused is refused before its weights are fetched.
    assert not any(path.endswith(".bin") for path in hub.fetched)


@pytest.mark.parametrize("kind", ["offline", "unreachable"])
def test_without_a_network_the_cache_is_used_in_silence(
    hub: Hub, loaders: dict[str, Loader], kind: str
) -> None:
    assert loaders["online"].ask("us/good")["commit"] == COMMIT
    before = len(hub.fetched)
    loader = loaders[kind]
    told = [loader.ask("us/good"), loader.ask("us/good", COMMIT), loader.ask("us/absent")]
    snapshots = loader.cache / "hub" / "models--us--good" / "snapshots"
    (snapshots / COMMIT / "vae" / "config.json").unlink()
    lacking = loader.ask("us/good")["error"]
    assert [each.get("commit") for each in told] == [COMMIT, COMMIT, None]
    assert len(hub.fetched) == before
    why = "HF_HUB_OFFLINE forbids" if kind == "offline" else "cannot be reached"
    assert why in told[2]["error"]
    assert "found nothing of it; run once with the network there" in told[2]["error"]
    assert why in lacking
    assert "found all but vae/config.json" in lacking
    assert "Fetching" not in loader.close()
