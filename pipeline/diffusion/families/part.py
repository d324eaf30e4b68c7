"""Loading one part of a pipeline: all of its weights, and nothing but them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from pipeline.config.problems import quote
from pipeline.diffusion.reading import REMEDY, index_of, reading

LIBRARIES: Final = ("diffusers", "transformers")
"""Whose classes a model's parts may be."""

_MOST_SHOWN: Final = 3


def load_part(folder: Path, part: str) -> nn.Module:
    """Read a part in float32, from safetensors alone.

    The libraries draw at random what a file lacks; such a part is refused here.

    Args:
        folder: of the pipeline.
        part: whose class `model_index.json` names.

    Raises:
        ValueError: its class is not one of diffusers' or transformers', or its files are damaged
            or do not hold the weights that its configuration asks for.
    """
    kind = class_of(folder, part)
    with reading(folder / part, "whole weights that fit its config.json"):
        model, told = kind.from_pretrained(
            folder / part,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    missing = sorted(told["missing_keys"])
    if missing:
        more = ", ..." if len(missing) > _MOST_SHOWN else ""
        raise ValueError(
            f"{folder / part}: expected all weights that its config.json asks for, got none for "
            f"{len(missing)} of them: {', '.join(missing[:_MOST_SHOWN])}{more}; {REMEDY}"
        )
    loaded: nn.Module = model
    return loaded


def class_of(folder: Path, part: str) -> Any:
    """The class of a part.

    Raises:
        ValueError: it is no model of diffusers' or transformers'.
    """
    named = index_of(folder).get(part)
    kind: Any
    try:
        library, name = named  # type: ignore[misc]  # whatever it is
        kind = getattr(import_module(library), name) if library in LIBRARIES else None
    except (TypeError, ValueError, AttributeError, ImportError):
        kind = None
    if isinstance(kind, type) and issubclass(kind, nn.Module):
        return kind
    raise ValueError(
        f"{folder / 'model_index.json'}: expected {part} to be a model of "
        f"{' or '.join(LIBRARIES)}, got {quote(named)}; convert the model"
    )
