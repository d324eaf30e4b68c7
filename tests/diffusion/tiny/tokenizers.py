"""A CLIP tokenizer of a few words, and the smallest text encoder that reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTokenizer

WORDS: Final = (
    *("a", "an", "the", "of", "in", "photo", "picture", "style", "image", "person"),
    *("red", "green", "blue", "black", "white", "neon", "watercolour"),
    *("sneaker", "sandal", "boot", "bag", "dress", "coat", "shirt"),
)
"""Words of one token each; all others are spelled in bytes."""

LENGTH: Final = 12
"""Tokens of a prompt, with both ends marked."""


def clip_tokenizer(pad_token: str = "<|endoftext|>") -> CLIPTokenizer:  # noqa: S107  (no password)
    """Byte pairs in CLIP's own scheme: the vocabulary starts from all bytes.

    Args:
        pad_token: what fills a prompt up; SDXL's second tokenizer takes "!".
    """
    letters = sorted(ByteLevel.alphabet())
    merges = _learn_merges(WORDS)
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += [first + second for first, second in merges]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: place for place, token in enumerate(tokens)},
        merges=merges,
        model_max_length=LENGTH,
        pad_token=pad_token,
    )


def clip_config(tokenizer: CLIPTokenizer, width: int = 16) -> CLIPTextConfig:
    """Two layers over a tokenizer's vocabulary; the projection is as wide as the states."""
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=LENGTH,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _learn_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """The most frequent pair first, until every word is one token.

    Pairs as frequent as each other go by their letters: the library's own trainer takes them in an
    order of chance, and a model's folder should be the same every time.
    """
    spelled = [[*word[:-1], f"{word[-1]}</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for parts in spelled for pair in pairwise(parts)):
        merges.append(max(pairs, key=lambda pair: (pairs[pair], pair)))
        spelled = [_merged(parts, merges[-1]) for parts in spelled]
    return merges


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    done = parts[:1]
    for part in parts[1:]:
        if (done[-1], part) == pair:
            done[-1] += part
        else:
            done.append(part)
    return done
