"""UnlearnCanvas's classifiers of styles and objects (Zhang et al. 2024, arXiv 2402.11846).

They are vision transformers (`vit_large_patch16_224`) with the parameter names of timm, which needs
torchvision; `timm_names.py` turns them into transformers' own. Pictures are scaled as UnlearnCanvas
does: to the model's size whatever their shape, bilinear, from -1 to 1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from pipeline.diffusion.files import check_flat
from pipeline.diffusion.reading import reading
from pipeline.evaluation.judges.identity import identity_of
from pipeline.evaluation.judges.image_classifier import ImageClassifierJudge
from pipeline.evaluation.judges.timm_names import vision_transformer

_CONVERSION: Final = (
    "published ones are pickles, which may run code: convert one once, on a machine that may be "
    'lost, with python -c "import torch; from safetensors.torch import save_file; '
    "save_file({k: v.contiguous() for k, v in torch.load('style.pth', weights_only=True)"
    "['model_state_dict'].items()}, 'model.safetensors')\""
)


def unlearncanvas_judge(folder: Path, axis: str, device: torch.device) -> ImageClassifierJudge:
    """Read one from a folder with one safetensors file and the names of its classes.

    The names lie beside the weights in the order of the classes, as a list in `classes.json` or one
    a line in `classes.txt`.

    Raises:
        ValueError: the folder holds no such classifier.
    """
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        raise ValueError(
            f"{folder}: expected one file of weights, as .safetensors, found {len(found)}; "
            f"{_CONVERSION}"
        )
    check_flat(folder)
    with reading(found[0], "a vision transformer by timm's names", _CONVERSION):
        model = vision_transformer(load_file(found[0]))
    names = _names(folder)
    if len(names) != model.config.num_labels:
        raise ValueError(
            f"{folder}: expected a name for each of the {model.config.num_labels} classes, got "
            f"{len(names)}; list them in classes.txt, one a line, in the order of the classes"
        )
    side = model.config.image_size

    def prepare(pictures: Tensor) -> Tensor:
        if pictures.shape[-2:] == (side, side):
            return pictures
        return F.interpolate(
            pictures.to(device), (side, side), mode="bilinear", antialias=True
        ).clamp(-1, 1)

    model.eval().requires_grad_(requires_grad=False).to(device)
    return ImageClassifierJudge(model, prepare, axis, names, {}, identity_of(folder))


def _names(folder: Path) -> list[str]:
    listed, lines = folder / "classes.json", folder / "classes.txt"
    if listed.is_file():
        with reading(listed, "JSON", "list the names of the classes in it"):
            names = json.loads(listed.read_bytes())
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"{listed}: expected a list of names, got {str(names)[:70]}")
    elif lines.is_file():
        with reading(lines, "UTF-8 text", "save the file as UTF-8"):
            names = [line.strip() for line in lines.read_text(encoding="utf-8").splitlines()]
        names = [name for name in names if name]
    else:
        raise ValueError(
            f"{folder}: expected the names of the classes beside the weights, found none; list "
            "them in classes.txt, one a line, in the order of the classes"
        )
    return names
