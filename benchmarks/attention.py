"""How much sooner a training on the CPU ends with plain attention than with torch's fused kernel.

Run `python benchmarks/attention.py`: the demo's training, by turns with either, in processor
seconds of one thread.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from unittest.mock import patch

import torch

from pipeline.config import load_space
from pipeline.config.distributions import extremes
from pipeline.diffusion import Store
from pipeline.diffusion.attention import quick_attention
from pipeline.prompts import build_prompt_set
from pipeline.search.places import store_root
from pipeline.search.unlearned import base_model
from pipeline.unlearning import prepare_training_set, train

DEMO = Path(__file__).parents[1] / "search_spaces" / "demo.yaml"
STEPS = 20
TURNS = 5


def main() -> None:
    """Print seconds of both and their ratio."""
    torch.set_num_threads(1)
    space = load_space(DEMO, [f"update.steps={STEPS}"])
    lowest = {path: extremes(drawn)[0][1] for path, drawn in space.distributions.items()}
    experiment = space.fill(lowest)
    base, store = base_model(experiment), Store(store_root())
    prompt_set = build_prompt_set(experiment.concept, experiment.prompts)
    data = prepare_training_set(base, prompt_set, experiment, store)

    def seconds(attention: Callable[..., AbstractContextManager[None]]) -> float:
        with (
            tempfile.TemporaryDirectory() as folder,
            patch("pipeline.unlearning.trainer.quick_attention", attention),
        ):
            started = time.process_time()
            train(base, experiment, data, Path(folder))
            return time.process_time() - started

    def fused(*_: object) -> AbstractContextManager[None]:
        return nullcontext()

    seconds(fused)
    pairs = [(seconds(fused), seconds(quick_attention)) for _ in range(TURNS)]
    before, after = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = sorted(b / a for a, b in pairs)
    print(f"fused {before:.2f} s, plain {after:.2f} s for {STEPS} steps")
    print(f"ratio {statistics.median(ratios):.3f}, from {ratios[0]:.3f} to {ratios[-1]:.3f}")


if __name__ == "__main__":
    main()
