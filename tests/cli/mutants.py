"""Mutants of files that ship: any node replaced, removed or added, and any bytes spliced in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from pipeline.config.plain_yaml import dump_yaml

ODD_TEXTS = (
    *("", " ", "../../elsewhere", "/etc/passwd", "/dev/zero", "~nobody/model", "~", "/", "a/b"),
    *("a\0b", "\ud800", "\x1b[31m", "a" * 5000, "none", "1e5", "null", "(", "(a|b){99999}", "*"),
    *("../x/champion", "owner/name", "own.txt", "own.yaml", "sneaker", "fashion-canvas", "\ufeff"),
)
ODD_NUMBERS = (
    *(-1, 0, 1, 2, 7, 100, 10**7, 2**31, 2**63, 10**30, 10**400, -(10**400)),
    *(0.0, -0.0, 1e-320, 0.5, 1e308, float("inf"), float("-inf"), float("nan")),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from(ODD_TEXTS)
    | st.text(max_size=8)
)
KEYS = st.sampled_from(
    [
        *(
            "name",
            "file",
            "set",
            "kind",
            "forget",
            "anchor",
            "choice",
            "uniform",
            "simplex",
            "also",
        ),
        *("log_uniform", "int_uniform", "base", "erased", "same_context", "nudenet", "labels"),
        *("__class__", "a.b", "", "<<", "..", "../x", "\0"),
    ]
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
SPLICES = st.sampled_from(
    [
        *(b"\t", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\x80", b"\r", b"&a ", b"*a", b"<<: *a"),
        *(b"!!python/object/apply:os.system [id]", b"!!binary x", b"%YAML 9.9\n", b"---\n", b"? "),
        *(
            b"- ",
            b": ",
            b"{",
            b"[",
            b"]",
            b"}",
            b"'",
            b'"',
            b"#",
            b"|\n",
            b">9\n",
            b"@",
            b"`",
            b",",
        ),
        *(b"[" * 500, b"9" * 5000, b"a: 1\na: 1\n", b"\n  \n", b"\x85", b"\xe2\x80\xa8"),
    ]
) | st.binary(max_size=6)


def places(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every node below the root."""
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in entries:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@st.composite
def mutated_trees(draw: st.DrawFn, trees: Sequence[dict[str, Any]]) -> bytes:
    """YAML of a tree in which one to three nodes are not what they were."""
    tree = deepcopy(draw(st.sampled_from(trees)))
    for _ in range(draw(st.integers(1, 3))):
        known = list(places(tree))
        if not known:
            break
        *way, last = draw(st.sampled_from(known))
        node: Any = tree
        for key in way:
            node = node[key]
        match draw(st.sampled_from(["replace", "remove", "add", "wrap"])):
            case "replace":
                node[last] = draw(ANYTHING)
            case "remove":
                del node[last]
            case "wrap":
                node[last] = [node[last]]
            case _ if isinstance(node, dict):
                node[draw(KEYS)] = draw(ANYTHING)
            case _:
                node.append(draw(ANYTHING))
    return dump_yaml(tree).encode("utf-8", "surrogatepass")


@st.composite
def spliced_texts(draw: st.DrawFn, texts: Sequence[bytes]) -> bytes:
    """A text with one to three pieces cut out and others put in."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 12))
        text = text[:start] + draw(SPLICES) + text[start + length :]
    return text
