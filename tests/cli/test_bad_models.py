"""Damaged and hostile folders of models: one message, exit code 2, nothing run, nothing written."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.config import embedded
from tests.cli.command import SMOKE
from tests.cli.in_process import assert_refused, tell, tree_of

CODE = "from pathlib import Path\nPath({!r}).write_text('run')\n"

Damage = Callable[[Path], None]


class Bomb:
    """What runs when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        """Called by pickle: unpickling makes the folder."""
        return os.mkdir, (str(self.mark),)


@pytest.fixture(scope="module", name="whole")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = embedded("base", "fashion-canvas")
    assert source is not None
    return Path(shutil.copytree(source, tmp_path_factory.mktemp("whole") / "model"))


@pytest.fixture(name="folder")
def _folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def mark_of(folder: Path) -> Path:
    """What hostile code makes when it is run."""
    return folder.parent / "run"


def index(**entries: object) -> Damage:
    """Entries of `model_index.json`; None takes one away."""

    def damage(folder: Path) -> None:
        path = folder / "model_index.json"
        tree = json.loads(path.read_text()) | entries
        path.write_text(json.dumps({k: v for k, v in tree.items() if v is not None}))

    return damage


def config(part: str, **entries: object) -> Damage:
    """Entries of a part's `config.json`."""

    def damage(folder: Path) -> None:
        path = folder / part / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))

    return damage


def written(name: str, content: bytes) -> Damage:
    """A file with another content."""

    def damage(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return damage


def weights_of(part: Path) -> Path:
    """The file of a part's weights."""
    (found,) = part.glob("*.safetensors")
    return found


def pickled(folder: Path) -> None:
    """Pickles in place of safetensors."""
    weights = weights_of(folder / "unet")
    weights.unlink()
    with weights.with_suffix(".bin").open("wb") as file:
        pickle.dump(Bomb(mark_of(folder)), file)


def sharded(part: str, name: str, *, pickle_it: bool = False) -> Damage:
    """An index that names a shard in place of the weights."""

    def damage(folder: Path) -> None:
        weights = weights_of(folder / part)
        names = list(load_file(weights))
        shard = (folder / part / name).resolve()
        shard.parent.mkdir(exist_ok=True, parents=True)
        if pickle_it:
            with shard.open("wb") as file:
                pickle.dump(Bomb(mark_of(folder)), file)
            weights.unlink()
        else:
            weights.rename(shard)
        place = weights.with_name(f"{weights.name}.index.json")
        tree = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, name)}
        place.write_text(json.dumps(tree))

    return damage


def weights(part: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Damage:
    """The largest tensor of a part changed."""

    def damage(folder: Path) -> None:
        path = weights_of(folder / part)
        tensors = load_file(path)
        name = max(tensors, key=lambda name: tensors[name].numel())
        tensors[name] = change(tensors[name]).contiguous()
        save_file(tensors, path, {"format": "pt"})

    return damage


def cut(part: str, length: int) -> Damage:
    """The first bytes of a part's weights."""

    def damage(folder: Path) -> None:
        path = weights_of(folder / part)
        path.write_bytes(path.read_bytes()[:length])

    return damage


def linked(name: str) -> Damage:
    """A file or a folder of the model that lies elsewhere."""

    def damage(folder: Path) -> None:
        elsewhere = folder.parent / "elsewhere"
        (folder / name).rename(elsewhere)
        (folder / name).symlink_to(elsewhere)

    return damage


def circular(folder: Path) -> None:
    """A link to itself."""
    path = folder / "unet" / "config.json"
    path.unlink()
    path.symlink_to(path)


def device(folder: Path) -> None:
    """A file that has no end."""
    (folder / "unet" / "more.json").symlink_to("/dev/zero")


def own_code(folder: Path) -> None:
    """A component of the model's own code."""
    place = folder / "scheduler" / "own_scheduler.py"
    place.write_text(CODE.format(str(mark_of(folder))) + "class Own: pass\n")
    index(scheduler=["own_scheduler", "Own"])(folder)


def own_pipeline(folder: Path) -> None:
    """A pipeline of the model's own code."""
    (folder / "pipeline.py").write_text(CODE.format(str(mark_of(folder))) + "class Own: pass\n")
    index(_class_name=["pipeline", "Own"])(folder)


def no_weights(folder: Path) -> None:
    """A part without its file."""
    weights_of(folder / "vae").unlink()


def no_part(folder: Path) -> None:
    """A part that is not there at all."""
    shutil.rmtree(folder / "vae")


LOADED: dict[str, tuple[Damage, str]] = {
    "weights cut in the header": (cut("unet", 40), "unet"),
    "weights cut at the end": (cut("vae", 5000), "vae"),
    "empty weights": (cut("text_encoder", 0), "text_encoder"),
    "weights of another shape": (weights("unet", lambda t: t[:-1]), "unet"),
    "weights of another rank": (weights("vae", lambda t: t.flatten()), "vae"),
    "a header that promises too much": (
        written("vae/diffusion_pytorch_model.safetensors", b"\xff" * 7 + b"\x00{}"),
        "vae",
    ),
}
"""What only shows when weights are read."""

BOTH: dict[str, tuple[Damage, str]] = {
    "index of no JSON": (written("model_index.json", b"{"), "model_index.json, line 1"),
    "index of UTF-16": (written("model_index.json", b"\xff\xfe\x00{"), "model_index.json"),
    "index of a list": (written("model_index.json", b"[]"), "expected a JSON object"),
    "index of brackets": (written("model_index.json", b"[" * 100_000), "expected JSON"),
    "index without class": (index(_class_name=None), "expected _class_name"),
    "index of an unknown class": (index(_class_name="Evil"), "expected _class_name"),
    "index of own code": (own_pipeline, "expected _class_name"),
    "part of own code": (own_code, "is never run"),
    "part of the standard library": (index(scheduler=["os", "system"]), "is never run"),
    "part of nothing": (index(vae=[]), "a library and a class as vae"),
    "part of a number": (index(unet=7), "a library and a class as unet"),
    "part of numbers": (index(tokenizer=[1, 2]), "a library and a class as tokenizer"),
    "part of no class": (index(unet=["diffusers", "utils"]), "expected unet to be a model"),
    "part of no model": (index(scheduler=["diffusers", "utils"]), "model: expected"),
    "part of another kind": (index(tokenizer=["diffusers", "DDIMScheduler"]), "model: expected"),
    "part left out": (index(unet=None), "unet"),
    "pickles alone": (pickled, "found only pickles"),
    "no weights": (no_weights, "found none"),
    "no part": (no_part, "found none"),
    "index of shards elsewhere": (sharded("text_encoder", "../../x.safetensors"), "beside it"),
    "index of shards outside": (sharded("unet", "../../x.safetensors"), "beside it"),
    "index of pickled shards": (
        sharded("text_encoder", "pytorch_model.bin", pickle_it=True),
        "beside it",
    ),
    "index of shards that is damaged": (
        written("unet/diffusion_pytorch_model.safetensors.index.json", b"{"),
        "index.json, line 1",
    ),
    "index of shards without map": (
        written("unet/diffusion_pytorch_model.safetensors.index.json", b'{"weight_map": [1]}'),
        "beside it",
    ),
    "linked file": (linked("unet/config.json"), "own folder, got a link"),
    "linked weights": (
        linked("vae/diffusion_pytorch_model.safetensors"),
        "own folder, got a link",
    ),
    "linked tokenizer": (linked("tokenizer"), "own folder, got a link"),
    "linked part": (linked("vae"), "vae"),
    "circular link": (circular, "unet"),
    "endless device": (device, "more.json"),
    "config of no JSON": (written("unet/config.json", b"\x80\x02}"), "unet"),
    "config of a list": (written("vae/config.json", b"[]"), "vae"),
    "config of strings": (config("unet", block_out_channels="many"), "unet"),
    "config of the wrong numbers": (config("unet", attention_head_dim=0), "unet"),
    "config of a text encoder": (config("text_encoder", hidden_size="x"), "text_encoder"),
    "config of a scheduler": (written("scheduler/scheduler_config.json", b"{"), "model"),
    "tokenizer of garbage": (written("tokenizer/tokenizer.json", os.urandom(99)), "model"),
}
"""What shows in a plan as well, which reads no weights."""


# Of the others, what a plan and a loader read by different code.
LOADED |= {
    name: BOTH[name]
    for name in (
        *("part of own code", "part of the standard library", "part of another kind"),
        *("index of pickled shards", "index of shards elsewhere", "pickles alone"),
        *("config of strings", "config of a scheduler", "linked tokenizer"),
    )
}


def refused_by(folder: Path, damage: Damage, named: str, *command: object) -> None:
    """Damage a model's folder, and make sure that a command says so and does nothing else."""
    damage(folder)
    before = tree_of(folder.parent)
    told = tell(*command)
    assert_refused(told, named, seconds=60)  # the first one imports torch
    assert tree_of(folder.parent) == before
    assert not mark_of(folder).exists()


@pytest.mark.parametrize("name", LOADED)
def test_a_model_that_is_loaded_is_refused(folder: Path, name: str) -> None:
    damage, named = LOADED[name]
    refused_by(folder, damage, named, "generate", folder, "a bag", "--steps", 1)


@pytest.mark.parametrize("name", BOTH)
def test_a_model_that_is_planned_with_is_refused(folder: Path, name: str) -> None:
    damage, named = BOTH[name]
    refused_by(folder, damage, named, "plan", SMOKE, "--set", f"model.base={folder}")
