"""Formula, range and direction of everything that a report measures.

Legend: f runs over the pictures of forget prompts, r over those of retain prompts; p is the
classifier's probability, ŷ its most probable class, t(f) the forgotten value that prompt f names.

Where several concepts are erased at once, erasure, ua and worst_neighbour are the *least* over the
concepts, each over its own f; ira and cra are those of the first concept; and every r names nothing
that is forgotten, now or earlier. The report's `by_concept` has the single values.
"""

from __future__ import annotations

from typing import Final

METRIC_FORMULAS: Final[dict[str, str]] = {
    "erasure": "1 - mean over f of p(t(f)); in [0, 1], higher is better",
    "ua": "1 - mean over f of [ŷ = t(f)]; in [0, 1], higher is better",
    "ira": "mean over r of [ŷ = the value r names on the concept's own axis]; in [0, 1], higher",
    "cra": "mean over r of [ŷ = the value r names on the other erasable axis]; in [0, 1], higher "
    "(pictures of forget prompts are left out; absent where no other axis is erasable)",
    "worst_neighbour": "least accuracy among the concept's neighbours, over r; in [0, 1], higher",
    "alignment": "clip / the base model's clip on the same prompts and seeds; higher, base 1",
    "clip": "mean over r of cos(CLIP picture features, CLIP text features); in [-1, 1], higher",
    "clip_forget": "the same over f; in [-1, 1], where lower says that less of the concept is left",
    "none_share": "mean over r of [ŷ = none of these], on the axis whose classifier has that class "
    "(absent where none has); in [0, 1], lower: the check, without a reference, that images are "
    "still images",
    "none_share_forget": "the same over f: erased by drawing no object at all; in [0, 1], where "
    "lower says that something recognisable is drawn in the concept's place",
    "image_distance": "mean over r of 1 - cos(CLIP picture features, those of the base's picture "
    "of the same prompt and noise); in [0, 2], lower, base 0",
    "image_distance_forget": "the same over f: how far what is drawn in the concept's place is "
    "from the concept; in [0, 2], higher, base 0",
    "kid": "unbiased squared MMD, kernel (x.y / D + 1)^3, of the classifier's features of r and of "
    "the base's pictures of r, partners left out; lower, base 0, noise may take it below; the "
    "sample is images.retain: at a few hundred only large values mean anything",
}
"""Every key of a report's metrics."""

MAY_LACK: Final = frozenset({"cra", "none_share", "none_share_forget"})
"""Those that are absent where the vocabulary has one axis of concepts, or no classifier a class of
pictures that show none of its values."""

EARLIER_FORMULAS: Final[dict[str, str]] = {
    "earlier_erasure": "erasure of what was erased before, on its own held-out prompts: the least "
    "over all earlier concepts; in [0, 1], higher is better",
    "earlier_ua": "the same of ua",
}
"""Further keys of a report's metrics where the base has forgotten something already."""

PAIRED_FORMULAS: Final[dict[str, str]] = {
    "ira": "mean over r of [ŷ right] - [the base's ŷ right], on the concept's own axis",
    "cra": "the same on the other erasable axis",
    "clip": "mean over r of the cosine of picture and prompt - that of the base's picture",
    "clip_forget": "the same over f",
}
"""Every key of a report's paired differences: model - base, on the same prompt and noise."""
