"""Any causal language model of transformers, as one that goes on with sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from pipeline.config.user_path import user_path
from pipeline.diffusion.files import check_flat
from pipeline.diffusion.hub import fetch
from pipeline.diffusion.reading import reading
from pipeline.expansion.brief import Brief

_NEW_TOKENS: Final = 32
_FILES: Final = ("*.json", "*.txt", "*.model", "*.jinja", "model*.safetensors")
_NUCLEUS: Final = 0.95
"""Nucleus sampling (Holtzman et al. 2020, arXiv 1904.09751): varied, and seldom absurd."""


@dataclass(frozen=True)
class LanguageModel:
    """A causal language model, frozen, with its tokenizer.

    Attributes:
        tokenizer: with a token to fill up with; its chat template is used if it has one.
        model: in evaluation mode.
    """

    tokenizer: Any
    model: Any

    @torch.no_grad()
    def sentences(
        self, brief: Brief, examples: Sequence[Sequence[str]], openings: Sequence[str], seed: int
    ) -> list[str]:
        """One sentence for each opening, which it begins with.

        Where the model had not come to an end of the line, the last word is left out: it may be
        half of one.

        Args:
            brief: what is wanted.
            examples: those that are shown before each opening.
            openings: how each sentence begins.
            seed: of what is drawn; on one machine, the same seed and openings give the same.
        """
        contexts = [
            self._context(brief, shown, opening)
            for shown, opening in zip(examples, openings, strict=True)
        ]
        room = getattr(self.model.config, "max_position_embeddings", None)
        tokens = self.tokenizer(
            contexts,
            return_tensors="pt",
            padding=True,
            # What may be lost of a context that is too long for the model is its beginning.
            padding_side="left",
            truncation=room is not None,
            max_length=None if room is None else max(1, room - _NEW_TOKENS),
            return_token_type_ids=False,
            add_special_tokens=self.tokenizer.chat_template is None,
        ).to(self.model.device)
        devices = [self.model.device] if self.model.device.type == "cuda" else []
        # `generate` draws from the global generator; what others draw from it stays as it was.
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            written = self.model.generate(**tokens, generation_config=self._sampling())
        fresh = written[:, tokens.input_ids.shape[1] :].tolist()
        return [
            opening + self._first_line(row) for opening, row in zip(openings, fresh, strict=True)
        ]

    def _context(self, brief: Brief, examples: Sequence[str], opening: str) -> str:
        shown = "\n".join([brief.instruction, *(f"- {example}" for example in examples)])
        if self.tokenizer.chat_template is None:
            return f"{shown}\n- {opening}"
        said = [
            {"role": "user", "content": f"{shown}\nWrite one more, and nothing else."},
            {"role": "assistant", "content": opening},
        ]
        text: str = self.tokenizer.apply_chat_template(
            said, tokenize=False, continue_final_message=True
        )
        return text

    def _sampling(self) -> GenerationConfig:
        return GenerationConfig(
            do_sample=True,
            temperature=1.0,
            top_p=_NUCLEUS,
            top_k=0,
            max_new_tokens=_NEW_TOKENS,
            pad_token_id=self.tokenizer.pad_token_id,
            eos_token_id=self.model.generation_config.eos_token_id,
        )

    def _first_line(self, tokens: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        line, newline, _ = text.partition("\n")
        ended = newline or self.tokenizer.pad_token_id in tokens or self._end_in(tokens)
        return line if ended else line.rpartition(" ")[0]

    def _end_in(self, tokens: Sequence[int]) -> bool:
        end = self.model.generation_config.eos_token_id
        ends = end if isinstance(end, list) else [end]
        return any(token in tokens for token in ends)


def load_language_model(
    name: str, revision: str | None = None, device: torch.device | None = None
) -> LanguageModel:
    """Load a causal language model from safetensors, frozen; no code of its repository is run.

    Args:
        name: a folder, or a hub id.
        revision: commit or tag of a hub id.
        device: where to; the CPU if None. On a GPU the weights keep the type they are stored in.

    Raises:
        ValueError: there is no such model, it is of another kind, or it has no safetensors.
    """
    device = device or torch.device("cpu")
    folder = user_path(name)
    if not folder.is_dir() and (name.startswith((".", "/", "~")) or name.count("/") > 1):
        raise ValueError(
            f"language model {name!r}: expected a folder or a hub id such as owner/name; there is "
            "no such folder"
        )
    transformers.utils.logging.disable_progress_bar()
    if not folder.is_dir():
        folder = fetch("language model", name, _FILES, revision).folder
    check_flat(folder)
    expected = "a causal language model with its tokenizer and its weights as .safetensors"
    with reading(f"language model {name!r}", expected, "name another one, or save it again"):
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            dtype="auto" if device.type == "cuda" else torch.float32,
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return LanguageModel(tokenizer, model.to(device).eval().requires_grad_(requires_grad=False))
