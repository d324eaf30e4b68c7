"""How far each picture is from the base's of the same prompt and noise, as CLIP sees pictures.

Legend: N pictures, D width of CLIP's shared feature space.
"""

from __future__ import annotations

import numpy as np

from pipeline.evaluation.measures import Floats


def image_distances(features: Floats, base_features: Floats) -> Floats:
    """1 - cos of unit features with their partners': (N,), from 0 (the same) to 2.

    Of forget prompts it says how far what is drawn in the concept's place is from the concept: a
    classifier may call a picture erased whose look has hardly moved. Of retain prompts it says how
    much was changed that should have stayed. It is taken as half the squared distance, which is the
    same for unit vectors and exactly 0 where nothing changed.

    For scale, with Fashion Canvas's CLIP (2026-11-24): the base's own pictures of the same prompt
    from another noise are 0.010 apart on 36 prompts of the sneaker and 0.022 on 108 retain prompts;
    a model promoted after erasing the sneaker was at 0.244 on the former and 0.006 on the latter.

    Args:
        features: (N, D), rows of length one.
        base_features: (N, D) of the base's pictures, row by row the partners.

    Raises:
        ValueError: the two differ in shape.
    """
    if features.shape != base_features.shape:
        raise ValueError(
            "expected the features (N, D) of pictures and of as many of the base's, got "
            f"{features.shape} and {base_features.shape}"
        )
    halves: Floats = np.square(features - base_features).sum(1) / 2
    return halves
