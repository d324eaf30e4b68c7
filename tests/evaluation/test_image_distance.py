"""Distances of pictures from their partners, against torch's cosine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pipeline.evaluation.image_distance import image_distances
from pipeline.evaluation.measures import Floats


def unit(count: int, seed: int = 0) -> Floats:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, 8, generator=generator, dtype=torch.float64)
    return F.normalize(drawn, dim=1).numpy()


def test_it_is_one_minus_the_cosine_of_partners() -> None:
    left, right = unit(20), unit(20, seed=1)
    cosines = F.cosine_similarity(torch.from_numpy(left), torch.from_numpy(right)).numpy()
    np.testing.assert_allclose(image_distances(left, right), 1 - cosines, atol=1e-12)


def test_its_ends_are_the_same_picture_and_the_opposite_one() -> None:
    features = unit(5)
    assert image_distances(features, features.copy()).tolist() == [0.0] * 5
    np.testing.assert_allclose(image_distances(features, -features), 2.0, rtol=1e-6)


def test_each_picture_needs_its_partner() -> None:
    with pytest.raises(ValueError, match="of as many of the base's"):
        image_distances(unit(3), unit(4))
