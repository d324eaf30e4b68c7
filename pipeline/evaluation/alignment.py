"""How well pictures agree with their prompts, by CLIP (Radford et al. 2021, arXiv 2103.00020).

Legend: N pictures, D width of the shared feature space.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPModel, CLIPTokenizer

from pipeline.config.plain_json import load_object
from pipeline.config.problems import quote
from pipeline.diffusion.files import check_flat
from pipeline.diffusion.pulse import beat
from pipeline.diffusion.reading import reading

_BATCH = 64
_OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)  # what CLIP folders without a processor expect
_OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)


_REMEDY = "save it again with its model's and its tokenizer's save_pretrained"
_CHANNELS = 3


def _is_of_channels(numbers: object) -> bool:
    return (
        isinstance(numbers, list | tuple)
        and len(numbers) == _CHANNELS
        and all(isinstance(number, int | float) for number in numbers)
    )


class ClipJudge:
    """Cosine between a picture's features and its prompt's.

    Args:
        model: a CLIP in evaluation mode.
        tokenizer: its tokenizer.
        mean: of the picture's channels in [0, 1], which the CLIP expects to be subtracted.
        std: by which it then expects them to be divided.
    """

    def __init__(
        self,
        model: CLIPModel,
        tokenizer: CLIPTokenizer,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._mean = torch.tensor(mean, device=model.device).view(1, 3, 1, 1)
        self._std = torch.tensor(std, device=model.device).view(1, 3, 1, 1)
        self._texts: dict[str, Tensor] = {}

    @classmethod
    def load(cls, folder: Path, device: torch.device | None = None) -> ClipJudge:
        """Read a CLIP in transformers' layout, in float32.

        Args:
            folder: with config.json, model.safetensors, the tokenizer, and (if its channels are
                not scaled as OpenAI's are) preprocessor_config.json.
            device: where to; the CPU if None.

        Raises:
            ValueError: the folder holds no such CLIP.
        """
        if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
            raise ValueError(
                f"{folder}: expected a CLIP (config.json, model.safetensors and its tokenizer); "
                "name the folder of one, or `fashion-canvas` for the embedded one"
            )
        check_flat(folder)
        kind = load_object(folder / "config.json", _REMEDY).get("model_type")
        if kind != "clip":
            raise ValueError(
                f"{folder}: expected a CLIP, got a model of the type {kind}; name the folder of one"
            )
        with reading(folder, "a CLIP in transformers' layout", _REMEDY):
            model = CLIPModel.from_pretrained(
                folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
            )
            tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        path = folder / "preprocessor_config.json"
        scaling = load_object(path, _REMEDY) if path.is_file() else {}
        mean, std = scaling.get("image_mean", _OPENAI_MEAN), scaling.get("image_std", _OPENAI_STD)
        for name, numbers in (("image_mean", mean), ("image_std", std)):
            if not _is_of_channels(numbers):
                raise ValueError(
                    f"{path}: expected three numbers as {name}, got {quote(numbers)}; {_REMEDY}"
                )
        model.eval().requires_grad_(requires_grad=False).to(device or torch.device("cpu"))
        return cls(model, tokenizer, mean, std)

    @property
    def logit_scale(self) -> float:
        """By which the CLIP was trained to multiply cosines before their softmax."""
        return float(self.model.logit_scale.exp())

    @torch.no_grad()
    def picture_features(self, pictures: Tensor) -> Tensor:
        """Unit features of pictures (N, 3, H, W) in [-1, 1], resized as the CLIP needs: (N, D)."""
        side: int = self.model.config.vision_config.image_size
        device = self.model.device
        features = []
        for chunk in torch.split(pictures, _BATCH):
            shown = (chunk.to(device) + 1) / 2
            if shown.shape[-2:] != (side, side):
                shown = F.interpolate(shown, (side, side), mode="bicubic", antialias=True)
                shown = shown.clamp(0, 1)
            inputs = (shown - self._mean) / self._std
            pooled = self.model.vision_model(inputs).pooler_output
            features.append(self.model.visual_projection(pooled).float().cpu())
            beat()
        return F.normalize(torch.cat(features), dim=-1)

    @torch.no_grad()
    def text_features(self, texts: Sequence[str]) -> Tensor:
        """Unit features of texts, each computed once: (N, D)."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._texts]
        for start in range(0, len(missing), _BATCH):
            chunk = missing[start : start + _BATCH]
            # Some tokenizers' folders do not say how much their CLIP reads.
            encoded = self.tokenizer(
                chunk,
                padding="max_length",
                truncation=True,
                max_length=self.model.config.text_config.max_position_embeddings,
                return_tensors="pt",
            )
            pooled = self.model.text_model(encoded.input_ids.to(self.model.device)).pooler_output
            found = F.normalize(self.model.text_projection(pooled).float().cpu(), dim=-1)
            self._texts.update(zip(chunk, found, strict=True))
        return torch.stack([self._texts[text] for text in texts])

    def cosines(self, features: Tensor, texts: Sequence[str]) -> Tensor:
        """Cosine of each picture's unit features (N, D) with its own text's: (N,), in [-1, 1].

        Raises:
            ValueError: there are not as many texts as pictures.
        """
        if len(features) != len(texts):
            raise ValueError(
                f"expected one text a picture ({len(features)}), got {len(texts)} texts"
            )
        return (features * self.text_features(texts)).sum(1)
