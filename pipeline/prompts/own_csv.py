"""Prompts from a CSV file with a header, such as I2P's.

I2P (Schramowski et al. 2023, arXiv 2211.05105) has the columns `prompt`, `categories`, `hard`,
`inappropriate_percentage`, `nudity_percentage`, `q16_percentage`, `sd_safety_percentage`,
`prompt_toxicity`, `lexica_url`, `sd_seed`, `sd_guidance_scale`, `sd_image_width`,
`sd_image_height` and `sd_model`. Each of its rows is drawn from its own seed at its own guidance.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from pipeline.config import RowsConfig
from pipeline.config.problems import quote
from pipeline.config.suggestions import did_you_mean
from pipeline.prompts.own_prompt import BadLineError, OwnPrompt, guidance, seed, sentence

_SEED: Final = ("sd_seed", "seed", "evaluation_seed")
_GUIDANCE: Final = ("sd_guidance_scale", "guidance", "evaluation_guidance")
"""I2P's name, ours, and that of the files of ESD (Gandikota et al. 2023, arXiv 2303.07345)."""

_CATEGORIES: Final = "categories"
_LONGEST_LINE: Final = 1_000_000  # characters
_LONGEST_NUMBER: Final = 20  # digits
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def csv_prompts(
    path: Path, rows: RowsConfig, axes: Collection[str]
) -> Iterator[OwnPrompt | tuple[int, BadLineError]]:
    """The prompts of the rows asked for, one after the other, and bad lines behind their number.

    Rows that are not asked for are not checked. Line breaks inside of quotes become spaces.

    Args:
        path: read line by line, so that its size is no matter.
        rows: which rows.
        axes: columns of these names label what a row's sentence states.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        if file.read(2) in _UTF16:
            yield 1, _not_utf8("UTF-16")
            return
    # What is no UTF-8 becomes surrogates, which are found in the row that holds them.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(_lines(file), strict=True)
        try:
            columns = _columns(next(reader, []), rows, axes)
        except (BadLineError, csv.Error) as error:
            yield 1, _bad(error)
            return
        taken = 0
        while rows.first is None or taken < rows.first:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
                if row is None:
                    return
                prompt = columns.prompt(row, line) if row and columns.asks_for(row) else None
            except (BadLineError, csv.Error) as error:
                yield line, _bad(error)
            else:
                if prompt is not None:
                    taken += 1
                    yield prompt


@dataclass(frozen=True)
class _Columns:
    """Where in a row things stand."""

    names: Sequence[str]
    text: int
    anchor: int | None
    seed: int | None
    guidance: int | None
    labels: Mapping[str, int]
    categories: int | None
    wanted: frozenset[str]
    least: Mapping[int, float]
    most: Mapping[int, float]

    def asks_for(self, row: Sequence[str]) -> bool:
        """Whether a row is one of those asked for."""
        if len(row) != len(self.names):
            if not any(map(str.strip, row)):
                return False
            remedy = "quote what holds a comma, and double the quotes in it"
            raise BadLineError(f"{len(self.names)} fields, as in the header", f"{len(row)}", remedy)
        if self.categories is not None and self.wanted:
            mine = {_plain(each) for each in row[self.categories].split(",")}
            if not mine & self.wanted:
                return False
        return all(self._number(row, place) >= low for place, low in self.least.items()) and all(
            self._number(row, place) <= high for place, high in self.most.items()
        )

    def prompt(self, row: Sequence[str], line: int) -> OwnPrompt:
        """The prompt of a row, which begins on that line."""
        anchor = self._field(row, self.anchor)
        number = self._field(row, self.seed)
        scale = self.guidance if self._field(row, self.guidance) is not None else None
        return OwnPrompt(
            text=_sentence("a prompt", row[self.text]),
            line=line,
            anchor=None if anchor is None else _sentence("an anchor", anchor),
            seed=None if number is None else seed(_whole(number), self.names[self.seed or 0]),
            labels={
                axis: _sentence(f"a value of {axis}", row[place])
                for axis, place in self.labels.items()
                if row[place].strip()
            },
            guidance=None if scale is None else guidance(self._number(row, scale)),
        )

    def _field(self, row: Sequence[str], place: int | None) -> str | None:
        """What stands there, if anything does."""
        return None if place is None else row[place].strip() or None

    def _number(self, row: Sequence[str], place: int) -> float:
        try:
            return float(row[place])
        except ValueError:
            raise BadLineError(f'a number as "{self.names[place]}"', quote(row[place])) from None


def _columns(header: Sequence[str], rows: RowsConfig, axes: Collection[str]) -> _Columns:
    names = [_plain(name) for name in header]
    places = {name: place for place, name in reversed(list(enumerate(names)))}
    if "prompt" not in places:
        one = ";" in "".join(names) or "\t" in "".join(names)
        remedy = "separate the fields by commas" if one else "name the columns in the first line"
        raise BadLineError('a header with the column "prompt"', quote(", ".join(names)), remedy)
    asked = [*rows.least, *rows.most, *([_CATEGORIES] if rows.categories else [])]
    for name in asked:
        if _plain(name) not in places:
            raise BadLineError(f'the column "{name}"', "none", did_you_mean(_plain(name), names))
    return _Columns(
        names=names,
        text=places["prompt"],
        anchor=places.get("anchor"),
        seed=_first(places, _SEED),
        guidance=_first(places, _GUIDANCE),
        labels={axis: places[_plain(axis)] for axis in axes if _plain(axis) in places},
        categories=places.get(_CATEGORIES),
        wanted=frozenset(map(_plain, rows.categories)),
        least={places[_plain(name)]: number for name, number in rows.least.items()},
        most={places[_plain(name)]: number for name, number in rows.most.items()},
    )


def _first(places: Mapping[str, int], names: Sequence[str]) -> int | None:
    return next((places[name] for name in names if name in places), None)


def _plain(name: str) -> str:
    return name.strip().casefold()


def _sentence(expected: str, value: str) -> str:
    if not value.isprintable() and any("\udc80" <= letter <= "\udcff" for letter in value):
        raise _not_utf8("other bytes")
    return sentence(expected, " ".join(value.split()))


def _whole(text: str) -> int | str:
    """The number that a table writes as 42 or, where others in the column are absent, as 42.0."""
    digits = text.removesuffix(".0")
    is_whole = digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST_NUMBER
    return int(digits) if is_whole else text


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(_LONGEST_LINE):
        yield line


def _not_utf8(got: str) -> BadLineError:
    return BadLineError("UTF-8 text", got, "save the file as UTF-8")


def _bad(error: BadLineError | csv.Error) -> BadLineError:
    if isinstance(error, BadLineError):
        return error
    remedy = "close every quote, and double the quotes inside of quotes"
    return BadLineError("a row of comma-separated fields", str(error), remedy)
