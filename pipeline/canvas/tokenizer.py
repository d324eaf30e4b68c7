"""A CLIP tokenizer with a small vocabulary, learned from Fashion Canvas's captions."""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPTokenizer

MAX_TOKENS = 24
"""Length of every prompt, in tokens, with both ends marked."""

_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train_tokenizer(captions: Iterable[str]) -> CLIPTokenizer:
    """Learn byte-pair merges in CLIP's own scheme (Radford et al. 2021, arXiv 2103.00020).

    The vocabulary starts from all bytes: no prompt is unknown, it only takes more tokens.
    """
    bpe = Tokenizer(
        models.BPE(
            unk_token="<|endoftext|>",  # noqa: S106  (a token of text, not a password)
            end_of_word_suffix="</w>",
            continuing_subword_prefix="",
            fuse_unk=False,
        )
    )
    bpe.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        min_frequency=2,
        special_tokens=[],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
    )
    bpe.train_from_iterator(captions, trainer)
    merges = [
        tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge)
        for merge in json.loads(bpe.to_str())["model"]["merges"]
    ]
    words = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    words += [first + second for first, second in merges]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(words))}
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        model_max_length=MAX_TOKENS,
        pad_token="<|endoftext|>",  # noqa: S106
    )
