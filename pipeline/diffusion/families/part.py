"""Loading one part of a pipeline: all of its weights, and nothing but them."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from torch import nn

_LIBRARIES: Final = ("diffusers", "transformers")
_MOST_SHOWN: Final = 3
_LONGEST_REASON: Final = 300


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
    index = folder / "model_index.json"
    named = json.loads(index.read_text(encoding="utf-8")).get(part)
    kind: Any
    try:
        library, name = named
        kind = getattr(import_module(library), name) if library in _LIBRARIES else None
    except (TypeError, ValueError, AttributeError):
        kind = None
    is_model = isinstance(kind, type) and issubclass(kind, nn.Module)
    if not is_model:
        raise ValueError(
            f"{index}: expected {part} to be a model of {' or '.join(_LIBRARIES)}, got {named!r}"
        )
    remedy = "fetch or save the model again"
    try:
        model, told = kind.from_pretrained(
            folder / part,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
        reason = str(error).strip()[:_LONGEST_REASON]
        raise ValueError(
            f"{folder / part}: expected whole weights that fit its config.json, got: {reason}; "
            f"{remedy}"
        ) from error
    missing = sorted(told["missing_keys"])
    if missing:
        more = ", ..." if len(missing) > _MOST_SHOWN else ""
        raise ValueError(
            f"{folder / part}: expected all weights that its config.json asks for, got none for "
            f"{len(missing)} of them: {', '.join(missing[:_MOST_SHOWN])}{more}; {remedy}"
        )
    loaded: nn.Module = model
    return loaded
