"""Whether a model's text encoders read a sentence to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from transformers import AutoTokenizer

from pipeline.config import embedded
from pipeline.config.user_path import user_path

_TOKENIZERS: Final = ("tokenizer", "tokenizer_2", "tokenizer_3")
_USUAL_LIMIT: Final = 77
"""Of CLIP, and so of nearly all text encoders; for tokenizers that name no limit of theirs."""

_NO_LIMIT: Final = 100_000
"""From here on a tokenizer's limit stands for none."""


def length_check(base: str, revision: str | None = None) -> Callable[[str], bool]:
    """The check of a model whose tokenizers are all that is loaded: is a sentence too long?

    Args:
        base: an embedded name, a folder in diffusers' layout, or a hub id.
        revision: commit or tag of a hub id.

    Raises:
        ValueError: the model has no tokenizer, as one that takes names of classes, or cannot be
            fetched.
    """
    tokenizers = list(_tokenizers(str(embedded("base", base) or base), revision))

    def is_too_long(text: str) -> bool:
        return any(
            len(tokenizer(text, verbose=False).input_ids) > limit for tokenizer, limit in tokenizers
        )

    return is_too_long


def _tokenizers(base: str, revision: str | None) -> Iterator[tuple[Any, int]]:
    folder = user_path(base)
    is_local = folder.is_dir()
    names = [name for name in _TOKENIZERS if not is_local or (folder / name).is_dir()]
    if not names:
        raise ValueError(
            f"{base}: expected a model that reads sentences, found no folder `tokenizer`; a model "
            "of classes takes their names as prompts and nothing else"
        )
    for place, name in enumerate(names):
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder if is_local else base,
                subfolder=name,
                revision=revision,
                trust_remote_code=False,
            )
        except (OSError, ValueError) as error:
            if place > 0 and not is_local:
                continue  # which of them a model on the hub has is not known beforehand
            raise ValueError(
                f"model {base!r}: its {name} could not be read ({error}); check its name, your "
                "access to it and the network, or give a local folder"
            ) from error
        limit = tokenizer.model_max_length
        yield tokenizer, limit if limit < _NO_LIMIT else _USUAL_LIMIT
