"""Texts of anybody's in Markdown, read back by a Markdown parser."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pipeline.tracking.markdown import code, escaped, table

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
NASTY = st.text(st.characters(codec="utf-8")) | st.text("`*_[]()<>|~&$@#\\!-+1. \n", max_size=30)


def inline(line: str) -> list[Token]:
    (_, content, _) = PARSER.parse(line)
    return content.children or []


def plain(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@given(NASTY)
@example("[click](javascript:alert(1)) <script>alert(1)</script> **bold** ~~gone~~ `code`")
@example("&lt; \\* https://example.org www.example.org @someone #12 $x$")
def test_an_escaped_text_is_a_text_and_nothing_else(text: str) -> None:
    tokens = inline(f"x {escaped(text)} x")
    assert {token.type for token in tokens} <= {"text", "text_special"}
    assert plain("".join(token.content for token in tokens)) == plain(f"x {text} x")


@given(NASTY.filter(plain))
@example("a `b` ``c``")
@example("`")
def test_code_is_code_and_nothing_else(text: str) -> None:
    tokens = inline(f"x {code(text)}")
    assert [token.type for token in tokens] == ["text", "code_inline"]
    assert tokens[1].content.strip() == plain(text)


@given(NASTY)
def test_a_text_stays_in_its_cell(text: str) -> None:
    lines = table(["one", "two"], [[escaped(text), "b"]])
    cells = [token for token in PARSER.parse("\n".join(lines)) if token.type == "td_open"]
    assert len(cells) == 2
