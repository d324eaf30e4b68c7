"""Rooms import only from rooms above them, vendors stay in one room, nothing unpickles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pipeline"

# From the top down: a room may import from itself and from those before it.
ROOMS = (
    "config",
    "prompts",
    "diffusion",
    "expansion",
    "unlearning",
    "evaluation",
    "canvas",
    "search",
    "tracking",
    "cli",
)
ONLY_IN = {"ray": "search", "optuna": "search", "mlflow": "tracking", "typer": "cli"}
WITHOUT_HEAVY_LIBRARIES = ("config", "prompts")
HEAVY = {"torch", "ray", "mlflow", "optuna", "diffusers", "transformers"}
UNPICKLING = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}

FILES = sorted(PACKAGE.rglob("*.py"))


def imported(source: str) -> Iterator[str]:
    """Dotted names of everything imported, at any depth, also by name at run time."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                start = "." * level + (module or "")
                yield from (f"{start}.{alias.name}" for alias in names)
            case ast.Call(func=called, args=[ast.Constant(value=str(name)), *_]) if ast.unparse(
                called
            ).rpartition(".")[2] in {"import_module", "__import__"}:
                yield name


def room_of(path: Path) -> str:
    """The room that a file belongs to; the package's own two files belong to the last one."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return ROOMS[-1] if first in {"__init__", "__main__"} else first


def upward(room: str, source: str) -> list[str]:
    """Imports from rooms below."""
    found = []
    for name in imported(source):
        top, _, rest = name.partition(".")
        if top in {"", *ROOMS}:
            found.append(name)  # relative, or as if a room were a package of its own
        elif top == "pipeline":
            other = rest.partition(".")[0]
            if other in ROOMS and ROOMS.index(other) > ROOMS.index(room):
                found.append(name)
    return found


def misplaced(room: str, source: str) -> list[str]:
    """Vendors imported outside their room."""
    tops = {name.partition(".")[0] for name in imported(source)}
    forbidden = {vendor for vendor, home in ONLY_IN.items() if home != room}
    if room in WITHOUT_HEAVY_LIBRARIES:
        forbidden |= HEAVY
    return sorted(tops & forbidden)


def unpickling(source: str) -> list[str]:
    """Ways to run code that hides in a file of weights or settings."""
    found = [name for name in imported(source) if name.partition(".")[0] in UNPICKLING]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute() if ast.unparse(node) in {"torch.load", "yaml.unsafe_load"}:
                found.append(ast.unparse(node))
            case ast.keyword(arg="allow_pickle", value=ast.Constant(value=True)):
                found.append("allow_pickle=True")
            case ast.keyword(arg="use_safetensors", value=ast.Constant(value=False)):
                found.append("use_safetensors=False")
            case _:
                pass
    return found


def test_every_file_belongs_to_a_known_room() -> None:
    strangers = [str(path) for path in FILES if room_of(path) not in ROOMS]
    assert not strangers
    assert {room_of(path) for path in FILES} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_from_rooms_above(room: str) -> None:
    offences = {
        str(path.relative_to(PACKAGE)): found
        for path in FILES
        if room_of(path) == room and (found := upward(room, path.read_text()))
    }
    assert not offences


@pytest.mark.parametrize("room", ROOMS)
def test_vendors_stay_in_their_rooms(room: str) -> None:
    offences = {
        str(path.relative_to(PACKAGE)): found
        for path in FILES
        if room_of(path) == room and (found := misplaced(room, path.read_text()))
    }
    assert not offences


def test_nothing_unpickles() -> None:
    offences = {
        str(path.relative_to(PACKAGE)): found
        for path in FILES
        if (found := unpickling(path.read_text()))
    }
    assert not offences


@pytest.mark.parametrize(
    "source",
    [
        "from pipeline.search import sweep",
        "from pipeline import tracking",
        "import pipeline.cli.app as app",
        "def f() -> None:\n    from pipeline.cli import main",
        "from ..search import sweep",
        "from importlib import import_module\nimport_module('pipeline.search.sweep')",
    ],
)
def test_an_import_from_below_is_found_wherever_it_hides(source: str) -> None:
    assert upward("evaluation", source)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("unlearning", "def f() -> None:\n    import ray.train"),
        ("search", "from mlflow import MlflowClient"),
        ("config", "import torch.nn.functional as F"),
        ("prompts", "if True:\n    from torch import Tensor"),
    ],
)
def test_a_vendor_out_of_its_room_is_found(room: str, source: str) -> None:
    assert misplaced(room, source)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load('x')",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
    ],
)
def test_unpickling_is_found(source: str) -> None:
    assert unpickling(source)
