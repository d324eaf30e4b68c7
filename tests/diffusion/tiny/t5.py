"""A T5 encoder of two layers, and a tokenizer of a few words."""

from __future__ import annotations

import string
from typing import Final

from transformers import T5Config, T5EncoderModel, T5Tokenizer

from tests.diffusion.tiny.tokenizers import WORDS

WIDTH: Final = 48
"""Of a token's state; no less than two CLIPs' together, which SD3 fills up to it."""

_START: Final = "\N{LOWER ONE EIGHTH BLOCK}"
"""How T5 marks the start of a word."""


def t5_tokenizer() -> T5Tokenizer:
    """Known words are one token, others are spelled: a unigram model takes the likeliest split."""
    special = [(token, 0.0) for token in ("<pad>", "</s>", "<unk>")]
    words = [(_START + word, -1.0) for word in WORDS]
    letters = [(token, -5.0) for token in dict.fromkeys(_START + string.printable.strip())]
    known = {token for token, _ in words}
    vocabulary = special + words + [pair for pair in letters if pair[0] not in known]
    return T5Tokenizer(vocab=vocabulary, extra_ids=0)


def t5_encoder(tokenizer: T5Tokenizer) -> T5EncoderModel:
    """With the gated activation of version 1.1, as the real ones; weights from torch's seed."""
    return T5EncoderModel(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=WIDTH,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
        )
    )
