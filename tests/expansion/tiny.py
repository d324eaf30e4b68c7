"""The smallest Llama, with random weights or taught a few sentences on the spot."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

END = "<|end|>"


def language_model(folder: Path, sentences: Sequence[str], steps: int = 0) -> Path:
    """Write a model that has seen lists of the sentences for so many steps, or random weights."""
    tokenizer = _tokenizer_of(sentences)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=48,
                intermediate_size=96,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=256,
                bos_token_id=0,
                eos_token_id=0,
                pad_token_id=0,
            )
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        for _ in range(steps):
            drawn = torch.randint(len(sentences), (8, 5)).tolist()
            lists = ["".join(f"\n- {sentences[row]}" for row in rows) + "\n" for rows in drawn]
            batch = tokenizer(lists, return_tensors="pt", padding=True)
            labels = batch.input_ids.masked_fill(batch.attention_mask == 0, -100)
            inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
            model(**inputs, labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer_of(sentences: Sequence[str]) -> PreTrainedTokenizerFast:
    """One token a word of the sentences, with the space before it; all other words by letters."""
    words = sorted({word for sentence in sentences for word in sentence.split()})
    # This alphabet writes a space as Ġ and a line break as Ċ.
    vocab = {token: place for place, token in enumerate([END, "Ġ", "Ċ", *string.printable[:94]])}
    merges: list[tuple[str, str]] = []
    for word in words:
        for spelled in (word, f"Ġ{word}"):
            for end in range(2, len(spelled) + 1):
                if spelled[:end] not in vocab:
                    vocab[spelled[:end]] = len(vocab)
                    merges.append((spelled[: end - 1], spelled[end - 1]))
    inner = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=END, pad_token=END)
