"""YAML as people mean it: plain data, `1e-4` a number, `no` a word, no key twice, no aliases.

What cannot be an experiment is refused before it costs much: tags, deep nesting, very many values.

PyYAML follows YAML 1.1, where `1e-4` is text, `no` is false and `1:30` is ninety. The loader and
the dumper here share the core types of YAML 1.2 instead, so what is dumped loads as it was.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, Final

import yaml

MAX_BYTES: Final = 500_000
"""Longest text that is parsed; an experiment file has a few thousand bytes."""

MAX_VALUES: Final = 20_000
"""Most keys and values that are parsed, at some 10,000 a second."""

MAX_DEPTH: Final = 32
"""Deepest nesting that is parsed; an experiment has five levels."""

_MERGE_KEY = "<<"

_CORE_TYPES: Final[tuple[tuple[str, re.Pattern[str], str], ...]] = (
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), "~nN\0"),
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+0123456789.",
    ),
)


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    table: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, pattern, firsts in _CORE_TYPES:
        for first in firsts:
            table.setdefault("" if first == "\0" else first, []).append((tag, pattern))
    return table


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _resolvers()
    depth = 0
    values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        # A few nested aliases write out to gigabytes ("billion laughs").
        if isinstance(event, yaml.AliasEvent):
            raise _refusal("expected the value itself, got an alias (*name)", event)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise _refusal(f"expected a plain value, got the tag {tag}", event)
        self.values += 1
        if self.values > MAX_VALUES:
            raise _refusal(f"expected at most {MAX_VALUES} keys and values, got more", event)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _refusal(f"expected at most {MAX_DEPTH} levels of nesting, got more", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002
    ) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value == _MERGE_KEY:
                message = "expected a name as key"
                raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
            if key.value in seen:
                message = f"expected each key once, got {key.value} again"
                raise yaml.constructor.ConstructorError(None, None, message, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _refusal(message: str, event: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, message, event.start_mark)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _resolvers()

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def load_yaml(text: str) -> Any:
    """Parse one YAML document into plain data.

    Raises:
        yaml.YAMLError: the text is too long, too deep, or no YAML of the kind described above.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise yaml.YAMLError(f"expected at most {MAX_BYTES} bytes, got more")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader's subclass
    except yaml.reader.ReaderError as error:
        # It has a position, but neither line nor column.
        before = text[: error.position].split("\n")
        mark = yaml.Mark("", error.position, len(before) - 1, len(before[-1]), None, 0)
        message = f"expected text, got the control character U+{ord(text[error.position]):04X}"
        raise yaml.MarkedYAMLError(None, None, message, mark) from None
    except ValueError:
        raise yaml.YAMLError("expected plain values, got a number of thousands of digits") from None


def dump_yaml(data: Any, *, flow: bool = False) -> str:
    """Write plain data as YAML that `load_yaml` reads back; `flow` keeps it on one line."""
    if flow:
        text = yaml.dump(
            data, Dumper=_Dumper, sort_keys=False, default_flow_style=True, width=10**6
        )
        return text.removesuffix("\n").removesuffix("\n...")
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
