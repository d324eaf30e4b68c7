"""What is wrong with an experiment file, all of it at once, each with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import takewhile
from types import UnionType
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.config.plain_yaml import dump_yaml
from pipeline.config.suggestions import did_you_mean

_LONGEST_QUOTE: Final = 70
_LONGEST_PATH: Final = 200
MOST_SHOWN: Final = 50
"""Problems that a message lists."""
_FORMER_RULE: Final = "restricted_gradient"
"""What 0.1.0 called the weighted sum of both projected gradients."""
_NOT_IN_THE_FILE: Final = ("[key]", "[name]", "[by axis]")
"""Parts of pydantic's paths that say which kind of value was tried."""
_KINDS: Final = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "path_type": "a path",
    "model_type": "a mapping of settings",
    "model_attributes_type": "a mapping of settings",
    "dict_type": "a mapping",
    "tuple_type": "a list",
}
_LIMITS: Final = {
    "greater_than": ("gt", "a number above {}"),
    "greater_than_equal": ("ge", "a number of {} or more"),
    "less_than": ("lt", "a number below {}"),
    "less_than_equal": ("le", "a number of {} or less"),
    "too_short": ("min_length", "at least {} of them"),
    "literal_error": ("expected", "one of {}"),
}


@dataclass(frozen=True)
class Problem:
    """One thing to mend: where (`update.learning_rate`), what was expected, what came, how."""

    path: str
    expected: str
    got: str
    remedy: str = ""

    def __str__(self) -> str:
        path = _cut(self.path, _LONGEST_PATH)
        line = f"{path}: expected {self.expected}, got {self.got}"
        return f"{line} ({self.remedy})" if self.remedy else line


class ConfigError(ValueError):
    """An experiment or a search space that cannot be; its text lists every problem, one a line.

    Of very many problems it lists the first ones.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in self.problems[:MOST_SHOWN]]
        more = len(self.problems) - len(lines)
        super().__init__("\n".join([*lines, *([f"and {more} more problems"] if more else [])]))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        """Pickle the problems, not their text, so that the error crosses processes."""
        return type(self), (self.problems,)


def quote(value: Any) -> str:
    """A value as the file would write it, on one short line."""
    if value is None:
        return "nothing"
    value = _beginning(value, [_LONGEST_QUOTE])
    if isinstance(value, str):
        text = value if value.isprintable() and value.strip() else repr(value)
    else:
        text = " ".join(dump_yaml(value, flow=True).split()) if _is_plain(value) else repr(value)
    return _cut(text, _LONGEST_QUOTE)


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Pydantic's errors in the words of the file's author; `model` is what was validated.

    Of very many errors the first ones, and how many more there are.
    """
    details = error.errors(include_url=False)
    problems = [_problem(each, model) for each in details[: MOST_SHOWN - 1]]
    if more := len(details) - len(problems):
        problems.append(Problem("further on", "known and valid settings", f"{more} more problems"))
    return tuple(problems)


def setting_paths(model: type[BaseModel], prefix: str = "") -> dict[str, type[BaseModel] | None]:
    """Every dotted path of a model's settings, with the section it opens if it opens one."""
    paths: dict[str, type[BaseModel] | None] = {}
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        paths[prefix + name] = section
        if section is not None:
            paths |= setting_paths(section, f"{prefix}{name}.")
    return paths


def _section(annotation: Any) -> type[BaseModel] | None:
    """The section that a setting opens, also where it may be left out: `Section | None`."""
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next(
        (each for each in options if isinstance(each, type) and issubclass(each, BaseModel)), None
    )


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    path = ".".join(str(part) for part in details["loc"] if part not in _NOT_IN_THE_FILE)
    context: dict[str, Any] = details.get("ctx", {})
    kind, value = details["type"], details["input"]
    if kind == "rule":
        place = ".".join(part for part in (path, context["field"]) if part)
        got = _cut(context["got"], _LONGEST_PATH)
        return Problem(place, context["expected"], got, context["remedy"])
    if kind == "string_pattern_mismatch" and path == "name":
        expected = "1 to 64 of a-z, 0-9, `.`, `_`, `-`, the first a letter or a digit"
        return Problem(path, expected, quote(value))
    if kind == "missing":
        return Problem(path, "a value", "nothing", "add it")
    if kind == "extra_forbidden":
        name = _cut(path.rpartition(".")[2], _LONGEST_QUOTE)
        return Problem(path, "a known setting", name, _known(path, model))
    if kind in _LIMITS:
        key, phrase = _LIMITS[kind]
        remedy = _near_option(value, context[key]) if kind == "literal_error" else ""
        return Problem(path, phrase.format(_limit(context[key])), quote(value), remedy)
    return Problem(path, _KINDS.get(kind, details["msg"]), quote(value), _kind_remedy(kind, value))


@cache
def _known(path: str, model: type[BaseModel]) -> str:
    section, _, name = path.rpartition(".")
    paths = setting_paths(model)
    elsewhere = [known for known in paths if known.rpartition(".")[2] == name]
    if elsewhere:
        return f"did you mean {' or '.join(elsewhere)}?"
    depth = section.count(".") + 1 if section else 0
    beside = [known for known in paths if known.startswith(section) and known.count(".") == depth]
    return did_you_mean(path, beside)


def _kind_remedy(kind: str, value: Any) -> str:
    if kind == "tuple_type" and isinstance(value, str):
        return f"write [{value}]"
    if isinstance(value, float) and value.is_integer():
        return "write it without a point; for a range, use int_uniform or log_int_uniform"
    return ""


def _near_option(value: Any, listed: str) -> str:
    """A remedy for a mistyped option of those that pydantic lists in quotes."""
    if value == _FORMER_RULE:
        return "write restriction: gradient, and leave the rule out"
    near = get_close_matches(str(value), listed.split("'")[1::2], n=1)
    return f"did you mean {near[0]}?" if near else ""


def _limit(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."


def _beginning(value: Any, room: list[int]) -> Any:
    """As much of a value as a quote has room for, at a letter a node: all of it may be huge."""
    room[0] -= 1
    match value:
        case str():
            return value[: _LONGEST_QUOTE + 1]
        case dict():
            entries = takewhile(lambda _: room[0] > 0, value.items())
            return {key: _beginning(entry, room) for key, entry in entries}
        case list():
            return [_beginning(entry, room) for entry in takewhile(lambda _: room[0] > 0, value)]
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(entry) for key, entry in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str)
