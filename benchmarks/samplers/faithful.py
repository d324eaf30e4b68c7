"""How far the interpolation between recorded trials can be trusted, and a smooth one beside it.

Run `python benchmarks/samplers/faithful.py`: each recorded configuration is left out in turn (ten
folds) and predicted by the forest of `table.py` and by a Gaussian process of unbounded values; the
share of variance explained and the mean error are printed, of all configurations and of those that
erase more than 0.8, where fronts are. Beside it what 48 recorded configurations cover: they were
drawn at random, so that this is a random search that was measured and not interpolated.
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from numpy.typing import NDArray
from replay import CONCEPTS, _table
from scipy.special import expit, logit
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import KFold
from table import Table

from pipeline.search.pareto import hypervolume, reference_point

Floats = NDArray[np.float64]

GOOD: Final = 0.8
"""Erasure above which a configuration may be on a front worth having."""
MOST_ALIGNMENT: Final = 1.02
"""No recorded alignment, as a share of the base's, comes near it."""
UP: Final = ("maximize", "maximize")


def forest(inputs: Floats, outputs: Floats, asked: Floats) -> Floats:
    """What `table.py` predicts for what is asked."""
    model = ExtraTreesRegressor(100, max_features=None, random_state=0)
    found: Floats = model.fit(inputs, outputs).predict(asked)
    return found


def smooth(inputs: Floats, outputs: Floats, asked: Floats) -> Floats:
    """The same by a Gaussian process an objective, of values without an upper end."""
    erasure = expit(_smooth(inputs, logit(np.clip(outputs[:, 0], 1e-3, 1 - 1e-3)), asked))
    alignment = _smooth(inputs, -np.log(MOST_ALIGNMENT - outputs[:, 1]), asked)
    return np.stack([erasure, MOST_ALIGNMENT - np.exp(-alignment)], axis=1)


def _smooth(inputs: Floats, values: Floats, asked: Floats) -> Floats:
    lengths = Matern([1.0] * inputs.shape[1], length_scale_bounds=(0.1, 30), nu=1.5)
    kernel = ConstantKernel() * lengths + WhiteKernel(0.05, (1e-4, 1))
    model = GaussianProcessRegressor(kernel, normalize_y=True, random_state=0)
    found: Floats = model.fit(inputs, values).predict(asked)
    return found


def main() -> None:
    """Print both, concept by concept."""
    warnings.simplefilter("ignore")
    for concept in CONCEPTS:
        table: Table = _table(concept)
        inputs, outputs = table.inputs, table.outputs[:, -2:]
        good = outputs[:, 0] > GOOD
        print(f"{concept}: {len(inputs)} recorded, {good.sum()} erase more than {GOOD}")
        for predict in (forest, smooth):
            found = np.zeros_like(outputs)
            for known, asked in KFold(10, shuffle=True, random_state=0).split(inputs):
                found[asked] = predict(inputs[known], outputs[known], inputs[asked])
            for name, part in (("all", np.full(len(good), fill_value=True)), ("good", good)):
                wrong = (found - outputs)[part]
                share = 1 - (wrong**2).mean(axis=0) / outputs[part].var(axis=0)
                error = wrong.mean(axis=0)
                print(f"  {predict.__name__:6s} {name:4s} explained {share}, error {error}")
        rng = np.random.default_rng(0)
        drawn = [outputs[rng.permutation(len(outputs))[:48]] for _ in range(200)]
        covered = [hypervolume([tuple(v) for v in d], reference_point(UP), UP) for d in drawn]
        print(f"  48 recorded ones cover {np.mean(covered):.4f}")


if __name__ == "__main__":
    main()
