"""How often the gate's bounds hold, beside those of an ordinary bootstrap over prompts.

Run `python benchmarks/coverage.py` (about half a minute on one core). Every line is 400 simulated
judgements of G prompts; the number is the share in which a lower bound of 95 % lay at or below the
truth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.evaluation.confidence import Sample, confidence_bounds
from pipeline.evaluation.measures import Floats

RUNS, REPEATS, CONFIDENCE = 400, 4, 0.95
SHARES = {
    "Beta(20, 0.5)": (20.0, 0.5),
    "Beta(2, 0.1)": (2.0, 0.1),
    "Beta(0.5, 0.005)": (0.5, 0.005),
    "Beta(2, 1)": (2.0, 1.0),
}
UNBOUNDED: dict[str, tuple[Callable[[np.random.Generator, int], Floats], float]] = {
    "normal": (lambda generator, count: generator.normal(1, 0.05, count), 1.0),
    "exponential": (lambda generator, count: 1 - generator.exponential(0.05, count), 0.95),
    "log-normal": (lambda generator, count: -generator.lognormal(0, 1, count), -float(np.exp(0.5))),
}


def main() -> None:
    """Print the table."""
    print("| prompts | mean | G | the gate's | ordinary |")
    print("|---|---|---|---|---|")
    for name, (a, b) in SHARES.items():
        for count in (12, 48):
            generator = np.random.default_rng(0)
            drawn = generator.beta(a, b, (RUNS, count))
            means = generator.binomial(REPEATS, drawn) / REPEATS
            line(name, means, a / (a + b), (0.0, 1.0))
    for name, (draw, truth) in UNBOUNDED.items():
        for count in (12, 36, 144):
            generator = np.random.default_rng(0)
            means = np.stack([draw(generator, count) for _ in range(RUNS)])
            line(name, means, truth, None)


def line(name: str, means: Floats, truth: float, ends: tuple[float, float] | None) -> None:
    """Judge every row of prompts' means (RUNS, G) and print how often both bounds held."""
    prompts = np.arange(means.shape[1])
    generator = np.random.default_rng(1)
    own = [
        confidence_bounds(Sample(prompts, row, ends=ends), CONFIDENCE).low <= truth for row in means
    ]
    drawn = [row[generator.integers(len(row), size=(2000, len(row)))].mean(1) for row in means]
    ordinary = [np.quantile(each, 1 - CONFIDENCE) <= truth for each in drawn]
    held = f"{np.mean(own):.3f} | {np.mean(ordinary):.3f}"
    print(f"| {name} | {truth:.3f} | {len(prompts)} | {held} |", flush=True)


if __name__ == "__main__":
    main()
