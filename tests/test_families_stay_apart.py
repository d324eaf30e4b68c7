"""No code but the adapters asks which family a model is of."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.diffusion.families import FAMILIES

PACKAGE = Path(__file__).resolve().parent.parent / "pipeline"
ADAPTERS = PACKAGE / "diffusion" / "families"
BENCHMARK = PACKAGE / "canvas"
"""Builds a model of its own, and so knows its class."""

PARTS = {part for family in FAMILIES.values() for part in (*family.parts, *family.text_encoders)}
NAMES = re.compile(r"StableDiffusion|Flux(?!es)|\bDiT|ClassUNet|UNet2D|Transformer2D|DDPMPipeline")
"""Classes of families, of their pipelines and of their denoisers."""

OTHERS = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if not path.is_relative_to(ADAPTERS) and not path.is_relative_to(BENCHMARK)
)


def asks(source: str) -> Iterator[str]:
    """Ways in which code tells families apart: classes' names, and names of their own parts."""
    tree = ast.parse(source)
    told = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.alias(name=name) if NAMES.search(name):
                yield name
            case ast.Attribute(attr=name) if name in PARTS or NAMES.search(name):
                yield name
            case ast.Constant(value=str(text)) if id(node) not in told and (
                text in PARTS or text == "_class_name" or NAMES.search(text)
            ):
                yield text
            case _:
                pass


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_but_the_adapters_asks_which_family_it_is(path: Path) -> None:
    found = set(asks(path.read_text(encoding="utf-8")))
    # One place reads the name of the pipeline's class; the setting that trains text encoders has
    # the name of a part.
    allowed = {"_class_name"} if path.name == "files.py" else {"text_encoder"}
    assert found <= allowed


@pytest.mark.parametrize(
    "source",
    [
        "if type(pipeline).__name__ == 'FluxPipeline': pass",
        "from diffusers import StableDiffusionPipeline",
        "model.pipeline.unet.eval()",
        "getattr(pipeline, 'transformer')",
        "isinstance(denoiser, diffusers.UNet2DConditionModel)",
        "index['_class_name']",
    ],
)
def test_a_question_is_found_wherever_it_hides(source: str) -> None:
    assert list(asks(source))


def test_a_docstring_may_name_what_it_likes() -> None:
    assert not list(asks('"""As in FLUX: see StableDiffusionPipeline."""'))
