"""Files of the user's own prompts: text (one a line), JSONL (one object a line), or CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from pipeline.config import ConfigError, Problem, RowsConfig
from pipeline.config.problems import MOST_SHOWN, quote
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.own_csv import csv_prompts
from pipeline.prompts.own_prompt import BadLineError, OwnPrompt, guidance, labels, seed, sentence

MAX_FILE_BYTES: Final = 20_000_000
"""Of a text or a JSONL file; a CSV file may have many more rows than are asked for."""

MAX_PROMPTS: Final = 100_000
"""Each is a picture to make. A CSV file may have more rows, of which `rows` chooses."""

_MOST_PROBLEMS: Final = MOST_SHOWN - 1
_KEYS: Final = ("prompt", "anchor", "seed", "guidance", "labels")
_EXAMPLE: Final = 'for example {"prompt": "a sneaker on grass"}'

_Found: TypeAlias = OwnPrompt | tuple[int, BadLineError]


def read_prompts(
    path: Path, rows: RowsConfig | None = None, axes: Collection[str] = ()
) -> tuple[OwnPrompt, ...]:
    """Read a file of prompts.

    `.txt`: one prompt a line; blank lines and lines that begin with `#` are skipped.
    `.jsonl`: one object a line, `{"prompt": ..., "anchor": ..., "seed": ..., "guidance": ...,
    "labels": {...}}`, of which all but the prompt may be left out; blank lines are skipped.
    `.csv`: a header and one prompt a row, in the columns `prompt`, `anchor`, `sd_seed` or `seed`,
    `sd_guidance_scale` or `guidance`, and one for each axis that labels state; all but the prompt
    may be left out, and other columns are read only where `rows` asks for them.

    Args:
        path: the file.
        rows: which rows of a CSV file are used; all if None.
        axes: names of columns of a CSV file that are labels.

    Raises:
        ConfigError: the file cannot be read, has no prompts or too many; or lines are bad, each
            of which is named by its number, the first ones of very many.
    """
    match path.suffix.lower():
        case ".txt":
            found = _lines(path, _text_line)
        case ".jsonl":
            found = _lines(path, _json_line)
        case ".csv":
            found = csv_prompts(path, rows or RowsConfig(), axes)
        case other:
            expected = "a file that ends in .txt, .jsonl or .csv"
            raise ConfigError([Problem(str(path), expected, other or "no ending")])
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ConfigError([Problem(str(path), "a file of prompts", "a device or a pipe")])
    try:
        return _collected(path, found)
    except OSError as error:
        reason = (error.strerror or "an error").lower()
        raise ConfigError([Problem(str(path), "a readable file of prompts", reason)]) from None


def line_problem(path: Path, line: int, expected: str, got: str, remedy: str = "") -> Problem:
    """A problem with one line of a file of prompts."""
    return Problem(f"{path}, line {line}", expected, got, remedy)


def _collected(path: Path, found: Iterable[_Found]) -> tuple[OwnPrompt, ...]:
    prompts: list[OwnPrompt] = []
    problems: list[Problem] = []
    more = 0
    for each in found:
        if not isinstance(each, OwnPrompt):
            line, bad = each
            if len(problems) < _MOST_PROBLEMS:
                problems.append(line_problem(path, line, bad.expected, bad.got, bad.remedy))
            else:
                more += 1
        elif len(prompts) < MAX_PROMPTS:
            prompts.append(each)
        else:
            expected = f"at most {MAX_PROMPTS} prompts"
            problems.append(Problem(str(path), expected, "more", "choose some of them"))
            break
    if more:
        problems.append(Problem(str(path), "good lines", f"{more} more bad ones"))
    if not problems and not prompts:
        problems.append(Problem(str(path), "at least one prompt", "none"))
    if problems:
        raise ConfigError(problems)
    return tuple(prompts)


def _lines(path: Path, read_line: Callable[[str, int], OwnPrompt | None]) -> Iterator[_Found]:
    for number, raw in enumerate(_read(path).removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            prompt = read_line(_decoded(raw).strip(), number)
        except BadLineError as bad:
            yield number, bad
        else:
            if prompt is not None:
                yield prompt


def _read(path: Path) -> bytes:
    if path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
        size = f"{path.stat().st_size} bytes"
        raise ConfigError([Problem(str(path), f"at most {MAX_FILE_BYTES} bytes", size)])
    return path.read_bytes()


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadLineError("UTF-8 text", "other bytes", "save the file as UTF-8") from None


def _text_line(line: str, number: int) -> OwnPrompt | None:
    if not line or line.startswith("#"):
        return None
    return OwnPrompt(sentence("a prompt", line), number)


def _json_line(line: str, number: int) -> OwnPrompt | None:
    if not line:
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = "it is nested or has numbers beyond reason"
        if isinstance(error, json.JSONDecodeError):
            reason = error.msg.lower()
        raise BadLineError("a JSON object", quote(line), f"{reason}; {_EXAMPLE}") from None
    if not isinstance(entry, dict) or "prompt" not in entry:
        raise BadLineError('a JSON object with "prompt"', quote(line), _EXAMPLE)
    for key in entry.keys() - set(_KEYS):
        raise BadLineError("known keys", quote(key), did_you_mean(key, _KEYS))
    anchor = entry.get("anchor")
    return OwnPrompt(
        text=sentence('text as "prompt"', entry["prompt"]),
        line=number,
        anchor=None if anchor is None else sentence('text as "anchor"', anchor),
        seed=seed(entry.get("seed")),
        labels=labels(entry.get("labels")),
        guidance=guidance(entry.get("guidance")),
    )
