"""A balanced walk through contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipeline.config import ConfigError, Problem
from pipeline.prompts.concept import Concept
from pipeline.prompts.contexts import Contexts, diagonal
from pipeline.prompts.scene import Scene

Fits = Callable[[int, Scene], bool]
"""Whether a scene may stand at a place of a walk."""


def walk(
    concept: Concept,
    values: Sequence[str | None],
    contexts: Contexts,
    count: int,
    start: float = 0.0,
    fits: Fits | None = None,
) -> Iterator[Scene]:
    """The first `count` scenes of an endless walk in which all values come equally often.

    Every prefix is balanced (to within one) over `values` and over the other axis, and
    V x O scenes in a row hold every pair of the two once. Where everything fits, no scene comes
    twice before all contexts have been used; what does not fit is passed over. Walks with another
    `start`, a share in [0, 1), begin with other contexts.

    Raises:
        ConfigError: nothing fits.
    """
    others = tuple(contexts)
    pairs = list(diagonal(len(values), len(others)))
    # How many contexts each pair has used or passed over.
    gone = [0] * len(pairs)
    for index in range(count):
        pair = index % len(pairs)
        value, other = pairs[pair]
        mine = contexts[others[other]]
        # Each value begins elsewhere, so that values that meet the same context meet it apart.
        stride = max(1, len(mine) // len(values))
        begin = int(start * len(mine)) + value * stride + gone[pair]
        scenes = (
            concept.place(values[value], mine[(begin + step) % len(mine)])
            for step in range(len(mine))
        )
        step, scene = next(
            (each for each in enumerate(scenes) if fits is None or fits(index, each[1])), (0, None)
        )
        if scene is None:
            expected = "contexts that are held out for every concept, and others for none"
            remedy = "erase the concepts one after the other"
            raise ConfigError([Problem("concept.also", expected, "too few", remedy)])
        gone[pair] += step + 1
        yield scene
