"""`unlearn expand`: own prompts for a concept, written by a language model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipeline.cli.bars import Bars, bars
from pipeline.cli.mistakes import Unsuccessful
from pipeline.cli.options import HomeOption, SetOption
from pipeline.cli.terminal import note, say

if TYPE_CHECKING:
    from pipeline.config import Experiment
    from pipeline.expansion import Brief, Expansion
    from pipeline.prompts.concept import Concept
    from pipeline.prompts.sieve import Pool

_MODEL: Final = "Qwen/Qwen2.5-1.5B-Instruct"


def expand(  # noqa: PLR0913 - one parameter an option
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Experiment or search space: for which concept.")
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            metavar="JSONL",
            help="What the two files are called after: NAME.jsonl makes NAME.forget.jsonl and "
            "NAME.retain.jsonl.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            metavar="ID_OR_FOLDER", help="Any causal language model of transformers, safetensors."
        ),
    ] = _MODEL,
    revision: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Commit or tag of a hub id.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=100_000, help="Prompts of either kind.")] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of all that is drawn.")] = 0,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORD",
            help="A further word that no retain prompt may hold; may be repeated.",
        ),
    ] = None,
    changes: SetOption = None,
    _home: HomeOption = None,
) -> None:
    """Have a language model write forget and retain prompts in the words of no template.

    Duplicates, sentences that judge, and those too long for the model's text encoders are removed;
    so are retain prompts that name the concept and forget prompts that do not.
    """
    paths = _paths(out)
    experiment = _experiment(file, changes or [])
    from pipeline.diffusion.load import fastest_device
    from pipeline.expansion import (
        forget_brief,
        length_check,
        load_language_model,
        retain_brief,
        write_prompts,
    )
    from pipeline.prompts import build_prompt_set
    from pipeline.prompts.sieve import Sieve
    from pipeline.search.files import write_text

    vocabularys = experiment.prompts.model_copy(
        update={"forget_file": None, "retain_file": None, "forget_diversity": 1.0}
    )
    prompt_set = build_prompt_set(experiment.concept, vocabularys)
    too_long = length_check(experiment.model.base, experiment.model.revision)
    writer = load_language_model(model, revision, fastest_device())
    held_out = [prompt.text for prompt in (*prompt_set.forget_test, *prompt_set.retain_test)]
    briefs: dict[Pool, Brief] = {
        "forget": forget_brief(prompt_set),
        "retain": retain_brief(prompt_set),
    }
    found: dict[Pool, Expansion] = {}
    with bars() as shown:
        for pool, brief in briefs.items():
            sieve = Sieve(
                prompt_set.concept,
                pool,
                held_out=held_out,
                known=brief.examples,
                too_long=too_long,
                without=without or (),
            )
            progress = partial(_show, shown, pool)
            found[pool] = write_prompts(
                writer, brief, sieve, pool, count=count, seed=seed, progress=progress
            )
    for pool, expansion in found.items():
        note(_told(pool, expansion, count))
    barren = [pool for pool, expansion in found.items() if not expansion.prompts]
    if barren:
        raise Unsuccessful(
            f"no {' and no '.join(barren)} prompt of what {model} wrote can be used, and nothing "
            "was saved; try another --model"
        )
    for pool, expansion in found.items():
        lines = _lines(prompt_set.concept, pool, expansion)
        write_text(paths[pool], "".join(f"{line}\n" for line in lines))
        say(f"prompts.{pool}_file: {paths[pool]}")


def _show(shown: Bars, pool: Pool, passed: int, wanted: int, written: int) -> None:
    shown.show(f"{pool} prompts", passed, wanted, f"of {written} written")


def _paths(out: Path) -> dict[Pool, Path]:
    """The files to be written, none of which is there."""
    if out.suffix.lower() != ".jsonl":
        raise ValueError(f"--out: expected a name that ends in .jsonl, got {out}")
    paths: dict[Pool, Path] = {
        "forget": out.with_suffix(".forget.jsonl"),
        "retain": out.with_suffix(".retain.jsonl"),
    }
    for path in paths.values():
        if path.exists():
            raise ValueError(f"--out: expected a new name, there is a {path}; remove it")
    return paths


def _experiment(file: Path, changes: list[str]) -> Experiment:
    """The file's experiment; of a search space any one, for concept and judges are the same."""
    from pipeline.cli.models import with_known_base
    from pipeline.config import load_space
    from pipeline.config.fairness import example

    experiment = example(with_known_base(load_space(file, changes)))
    if experiment.concept.also:
        raise ValueError(
            "concept.also: expected one concept, as files of own prompts are of one; expand one "
            "after the other"
        )
    return experiment


def _lines(concept: Concept, pool: Pool, expansion: Expansion) -> Iterator[str]:
    from pipeline.prompts.own_pools import anchored

    for prompt in expansion.prompts:
        anchor = {"anchor": anchored(concept, prompt)} if pool == "forget" else {}
        yield json.dumps({"prompt": prompt, **anchor}, ensure_ascii=False)


def _told(pool: str, expansion: Expansion, count: int) -> str:
    kept = len(expansion.prompts)
    removed = ", ".join(f"{number} {reason}" for reason, number in expansion.removed.items())
    few = "" if kept == count else f" ({count} were wanted: try another --model)"
    return f"{pool}: {kept} of {expansion.written} kept{few}; removed: {removed or 'none'}"
