"""The pools of prompts that teach: forget prompts, and retain prompts by source.

What stands at a place of a pool depends on the concepts, the seed and the place alone. So a longer
pool begins with a shorter one, and trials that differ in shares use the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from pipeline.prompts.concept import Concept
from pipeline.prompts.ground import Ground, partner_value
from pipeline.prompts.prompt import Prompt
from pipeline.prompts.randomness import noise_seed, shuffled, stream
from pipeline.prompts.scene import Scene
from pipeline.prompts.walks import walk


@dataclass(frozen=True)
class Draft:
    """A prompt before it is put into words."""

    scene: Scene
    template: int
    source: str
    seed: int


def forget_drafts(ground: Ground, diversity: float, count: int) -> tuple[Draft, ...]:
    """The concept `count` times: the first round(diversity x count) in varied contexts.

    The others are one bare sentence, `a photo of a sneaker`, each with a noise of its own.
    """
    diverse = _drafts(ground.forget_walk(count), ground.concept, "forget", ground.seed)
    varied = round(diversity * count)
    return diverse[:varied] + _bare_drafts(ground.concept, count, ground.seed)[varied:]


def forget_prompts(concept: Concept, drafts: Iterable[Draft]) -> tuple[Prompt, ...]:
    """Each draft in words, and its anchor: the sentence with that in the concept's place."""
    prompts = []
    for draft in drafts:
        value = draft.scene.labels()[concept.kind]
        anchor_scene = concept.place(concept.anchors[value], draft.scene)
        anchor = concept.words.describe(anchor_scene, draft.template)
        prompts.append(_prompt(concept, draft, draft.scene, draft.source, anchor))
    return tuple(prompts)


def partner_prompts(concept: Concept, drafts: Iterable[Draft], seed: int) -> tuple[Prompt, ...]:
    """Each draft with a retained value in the concept's place, all else the same.

    Contexts are paired (Ko et al. 2024, arXiv 2412.07808), so that the concept alone is what the
    forget and the retain gradient differ in.
    """
    return tuple(
        _prompt(
            concept,
            draft,
            concept.place(partner_value(concept, place, seed), draft.scene),
            "same_context",
        )
        for place, draft in enumerate(drafts)
    )


def neighbour_prompts(ground: Ground, count: int) -> tuple[Prompt, ...]:
    """The concept's neighbours in varied contexts."""
    scenes = ground.walk(ground.concept.neighbours, count, start=0.25)
    return plain_prompts(ground.concept, _drafts(scenes, ground.concept, "neighbours", ground.seed))


def other_axis_prompts(ground: Ground, count: int) -> tuple[Prompt, ...]:
    """Every value of the other axis, with every retained value of the concept's axis."""
    scenes = ground.walk(ground.concept.retained, count, start=0.5)
    return plain_prompts(ground.concept, _drafts(scenes, ground.concept, "other_axis", ground.seed))


def generic_prompts(ground: Ground, count: int) -> tuple[Prompt, ...]:
    """Captions that leave the concept's axis open, and none to all of the context too."""
    concept, seed = ground.concept, ground.seed
    scenes = [
        scene.replace(**dict.fromkeys(_left_open(concept, place, seed)))
        for place, scene in enumerate(ground.walk((None,), count, start=0.75))
    ]
    return plain_prompts(concept, _drafts(scenes, concept, "generic", seed))


def forget_test_prompts(ground: Ground, count: int) -> tuple[Prompt, ...]:
    """Prompts that judge the erasure: fully stated scenes of the concept in held-out contexts."""
    concept = ground.concept
    scenes = walk(concept, concept.forgotten, ground.split.test, count, ground.start)
    return plain_prompts(concept, _drafts(scenes, concept, "forget_test", ground.seed))


def retain_test_prompts(ground: Ground, count: int) -> tuple[Prompt, ...]:
    """Prompts that judge what was kept: all retained values in contexts held out from everything.

    Of several concepts any one's ground gives prompts of the same kind: nothing forgotten is named.
    """
    concept, split = ground.concept, ground.split

    def fits(_place: int, scene: Scene) -> bool:
        return split.judges(concept, scene)

    scenes = walk(concept, concept.retained, split.test, count, fits=fits)
    return plain_prompts(concept, _drafts(scenes, concept, "retain_test", ground.seed))


def interleaved(pools: Sequence[Sequence[Prompt]], count: int) -> tuple[Prompt, ...]:
    """The pools in turn, one prompt each: every prefix holds them in equal shares.

    Args:
        pools: one a concept, each at least as long as the longest share.
        count: prompts in all.
    """
    return tuple(pools[place % len(pools)][place // len(pools)] for place in range(count))


def plain_prompts(concept: Concept, drafts: Iterable[Draft]) -> tuple[Prompt, ...]:
    """Each draft in words."""
    return tuple(_prompt(concept, draft, draft.scene, draft.source) for draft in drafts)


def _drafts(scenes: Iterable[Scene], concept: Concept, source: str, seed: int) -> tuple[Draft, ...]:
    drafts = []
    for place, scene in enumerate(scenes):
        rng = stream(seed, source, place)
        template = int(rng.integers(concept.words.templates))
        drafts.append(Draft(scene, template, source, noise_seed(rng)))
    return tuple(drafts)


def _bare_drafts(concept: Concept, count: int, seed: int) -> tuple[Draft, ...]:
    drafts = []
    for place in range(count):
        value = concept.forgotten[place % len(concept.forgotten)]
        scene, template = concept.bare_scene(value)
        drafts.append(Draft(scene, template, "bare", noise_seed(stream(seed, "bare", place))))
    return tuple(drafts)


def _left_open(concept: Concept, place: int, seed: int) -> tuple[str, ...]:
    """The context's axes that a generic caption does not state; all subsets equally often."""
    axes = [axis for axis in concept.words.axes if axis != concept.kind]
    subsets = list(product((True, False), repeat=len(axes)))
    turn, within = divmod(place, len(subsets))
    stated = shuffled(subsets, stream(seed, "generic_axes", turn))[within]
    return tuple(axis for axis, keeps in zip(axes, stated, strict=True) if not keeps)


def _prompt(
    concept: Concept, draft: Draft, scene: Scene, source: str, anchor: str | None = None
) -> Prompt:
    text = concept.words.describe(scene, draft.template)
    return Prompt(text, scene.labels(), source, anchor, draft.seed)
