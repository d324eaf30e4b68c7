"""Prompts of the user's own, from a text file (one a line) or a JSONL file (one object a line)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pipeline.config import ConfigError, Problem
from pipeline.config.problems import quote
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.randomness import NOISE_SEEDS

MAX_CHARACTERS: Final = 2_000
"""Longest prompt; text encoders read less than a quarter of that."""

MAX_FILE_BYTES: Final = 20_000_000
_KEYS: Final = ("prompt", "anchor", "seed", "labels")
_EXAMPLE: Final = 'for example {"prompt": "a sneaker on grass"}'


@dataclass(frozen=True)
class OwnPrompt:
    """One line of a file.

    Attributes:
        text: the sentence.
        line: its number in the file, from 1.
        anchor: of a forget prompt: what it is to be turned into.
        seed: of the picture's noise; absent, one is chosen.
        labels: axis -> value, of what the sentence states.
    """

    text: str
    line: int
    anchor: str | None = None
    seed: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def read_prompts(path: Path) -> tuple[OwnPrompt, ...]:
    """Read a file of prompts.

    `.txt`: one prompt a line; blank lines and lines that begin with `#` are skipped.
    `.jsonl`: one object a line, `{"prompt": ..., "anchor": ..., "seed": ..., "labels": {...}}`,
    of which all but the prompt may be left out; blank lines are skipped.

    Raises:
        ConfigError: the file cannot be read or has no prompts; or lines are bad, each of which is
            named by its number.
    """
    match path.suffix.lower():
        case ".txt":
            read_line: Callable[[str, int], OwnPrompt | None] = _text_line
        case ".jsonl":
            read_line = _json_line
        case other:
            expected = "a file that ends in .txt or .jsonl"
            raise ConfigError([Problem(str(path), expected, other or "no ending")])
    prompts: list[OwnPrompt] = []
    problems: list[Problem] = []
    for number, raw in enumerate(_read(path).removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            prompt = read_line(_decoded(raw).strip(), number)
        except _BadLineError as bad:
            problems.append(line_problem(path, number, bad.expected, bad.got, bad.remedy))
        else:
            prompts += [prompt] if prompt is not None else []
    if not problems and not prompts:
        problems.append(Problem(str(path), "at least one prompt", "none"))
    if problems:
        raise ConfigError(problems)
    return tuple(prompts)


def line_problem(path: Path, line: int, expected: str, got: str, remedy: str = "") -> Problem:
    """A problem with one line of a file of prompts."""
    return Problem(f"{path}, line {line}", expected, got, remedy)


class _BadLineError(Exception):
    def __init__(self, expected: str, got: str, remedy: str = "") -> None:
        super().__init__(expected)
        self.expected, self.got, self.remedy = expected, got, remedy


def _read(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
            size = f"{path.stat().st_size} bytes"
            raise ConfigError([Problem(str(path), f"at most {MAX_FILE_BYTES} bytes", size)])
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise ConfigError([Problem(str(path), "a readable file of prompts", reason)]) from None


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _BadLineError("UTF-8 text", "other bytes", "save the file as UTF-8") from None


def _text_line(line: str, number: int) -> OwnPrompt | None:
    if not line or line.startswith("#"):
        return None
    return OwnPrompt(_sentence("a prompt", line), number)


def _json_line(line: str, number: int) -> OwnPrompt | None:
    if not line:
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "none"
        raise _BadLineError("a JSON object", quote(line), f"{reason}; {_EXAMPLE}") from None
    if not isinstance(entry, dict) or "prompt" not in entry:
        raise _BadLineError('a JSON object with "prompt"', quote(line), _EXAMPLE)
    for key in entry.keys() - set(_KEYS):
        raise _BadLineError("known keys", quote(key), did_you_mean(key, _KEYS))
    anchor = entry.get("anchor")
    return OwnPrompt(
        text=_sentence('text as "prompt"', entry["prompt"]),
        line=number,
        anchor=None if anchor is None else _sentence('text as "anchor"', anchor),
        seed=_seed(entry.get("seed")),
        labels=_labels(entry.get("labels")),
    )


def _sentence(expected: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _BadLineError(expected, quote(value))
    if len(value) > MAX_CHARACTERS:
        raise _BadLineError(f"at most {MAX_CHARACTERS} characters", f"{len(value)}")
    if not value.isprintable():
        raise _BadLineError(
            f"{expected} that can be printed", ascii(value)[:70], "remove tabs and the like"
        )
    return value.strip()


def _seed(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < NOISE_SEEDS:
        raise _BadLineError('a whole number from 0 to 2^31 - 1 as "seed"', quote(value))
    return value


def _labels(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        example = 'for example {"object": "sneaker"}'
        raise _BadLineError('a mapping of axes to values as "labels"', quote(value), example)
    return value
