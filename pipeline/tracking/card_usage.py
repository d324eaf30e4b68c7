"""What a model card says to do: load the model with plain diffusers, and make it again."""

from __future__ import annotations

from typing import assert_never

from pipeline.config import EMBEDDED_NAME, Experiment
from pipeline.config.user_path import without_machine
from pipeline.tracking.forms import WEIGHTS_OF, Form
from pipeline.tracking.markdown import code


def loading(experiment: Experiment, form: Form) -> list[str]:
    """How plain diffusers loads a promoted folder, from inside it."""
    match form:
        case "folder":
            body = ['pipeline = DiffusionPipeline.from_pretrained(".")']
        case "lora":
            body = [*_base(experiment), 'pipeline.load_lora_weights(".")']
        case "delta":
            return [
                (
                    f"{code(WEIGHTS_OF['delta'])} holds the tensors that differ from the base's. "
                    "`unlearn generate . PROMPT` puts them there, and `unlearn export . DIR` "
                    "writes a folder that plain diffusers loads."
                )
            ]
        case _:
            assert_never(form)
    return ["```python", "from diffusers import DiffusionPipeline", "", *body, "```"]


def _base(experiment: Experiment) -> list[str]:
    model = experiment.model
    if model.base == EMBEDDED_NAME:
        return [
            "from pipeline.config import embedded  # it ships with unlearn-sweep",
            "",
            f'base = embedded("base", {model.base!r})',
            "pipeline = DiffusionPipeline.from_pretrained(base)",
        ]
    pinned = f", revision={_quoted(model.revision)}" if model.revision else ""
    base = without_machine(model.base)
    where = [] if base == model.base else ["# the base's folder, wherever it lies on your machine"]
    return [*where, f"pipeline = DiffusionPipeline.from_pretrained({_quoted(base)}{pinned})"]


def _quoted(text: str) -> str:
    """A text as Python, which cannot end the block that it stands in."""
    return ascii(text).replace("`", "\\x60")


def reproducing(sweep: str, trial: int) -> list[str]:
    """How the model is made again from its record alone."""
    return [
        "In this folder, which holds all that it takes but the base:",
        "",
        "```sh",
        "unlearn reproduce .",
        "```",
        "",
        "`unlearn verify .` checks every hash, and draws some of the judged pictures again.",
        f"Where the sweep still is: `unlearn train --sweep {sweep} --trial {trial}`.",
    ]
