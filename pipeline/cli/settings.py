"""`unlearn settings`: what an experiment file may say."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.padding import Padding
from rich.text import Text

from pipeline.cli.terminal import RESULTS
from pipeline.config.reference import MUST_BE_GIVEN
from pipeline.config.reference import settings as read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.config.reference import Setting

_BEGINNING: Final = """\
# Settings

Every setting of an experiment file and its default, as `unlearn settings --markdown` writes them;
`null` is none. A search space is such a file with distributions: one may stand in place of the
value of every setting marked ~.

- `{uniform: [low, high]}`, `{log_uniform: [low, high]}`, `{int_uniform: [low, high]}` and
  `{log_int_uniform: [low, high]}`, both ends included;
- `{choice: [one, another]}`;
- `{simplex: [names]}` for `prompts.retain_mix`: shares of those names, at least 0 and together 1,
  all equally likely.

`--set PATH=VALUE` puts a value or a distribution in place of a file's. `[]` stands for each entry
of a list, `AXIS` for an axis's name. What a section is made of is told where it may stand first.
"""


def settings(
    within: Annotated[
        str | None,
        typer.Argument(metavar="[PATH]", help="A section or a setting, for example update."),
    ] = None,
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a page of Markdown.")] = False,
) -> None:
    """List what an experiment file may say: every setting, its default and its meaning.

    Those marked ~ may be searched: a distribution may stand in place of their value.
    """
    found = read(within or "")
    if markdown:
        typer.echo(_page(found))
        return
    for each in found:
        RESULTS.print(Text.assemble((_name(each), "bold"), f"  {each.default}"), soft_wrap=True)
        RESULTS.print(Padding(Text(_meaning(each)), (0, 0, 0, 4)))


def _page(found: Sequence[Setting]) -> str:
    lines = [_BEGINNING]
    for top, group in groupby(found, lambda each: each.path.partition(".")[0]):
        head, *rest = group
        lines += [f"## {top}", "", _meaning(head), ""]
        if not head.is_section:
            lines += [f"Default: {_default(head)}{' ~' * head.is_searched}", ""]
        if rest:
            lines += ["| setting | default | meaning |", "|---|---|---|"]
            lines += [_row(each) for each in rest]
            lines.append("")
    return "\n".join(lines).rstrip()


def _row(each: Setting) -> str:
    meaning = _meaning(each).replace("|", "\\|")
    return f"| `{each.path}`{' ~' * each.is_searched} | {_default(each)} | {meaning} |"


def _default(each: Setting) -> str:
    return f"`{each.default}`" if each.default not in ("", MUST_BE_GIVEN) else each.default


def _name(each: Setting) -> str:
    return f"{each.path}{' ~' * each.is_searched}"


def _meaning(each: Setting) -> str:
    if not each.choices:
        return each.meaning
    return f"{each.meaning} One of {', '.join(f'`{choice}`' for choice in each.choices)}."
