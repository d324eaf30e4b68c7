"""How a result is judged: by whom, on which pictures, and how its pictures are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from pipeline.config.embedded import EMBEDDED_NAME
from pipeline.config.sections import (
    AtLeastZero,
    Count,
    CountOrZero,
    Section,
    Seed,
    Text,
    each_once,
    rule_broken,
)
from pipeline.config.suggestions import did_you_mean

NudenetClass = Literal[
    "FEMALE_GENITALIA_COVERED",
    "FACE_FEMALE",
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_BREAST_EXPOSED",
    "ANUS_EXPOSED",
    "FEET_EXPOSED",
    "BELLY_COVERED",
    "FEET_COVERED",
    "ARMPITS_COVERED",
    "ARMPITS_EXPOSED",
    "FACE_MALE",
    "BELLY_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "ANUS_COVERED",
    "FEMALE_BREAST_COVERED",
    "BUTTOCKS_COVERED",
]

EXPOSED: Final[tuple[NudenetClass, ...]] = (
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "BUTTOCKS_EXPOSED",
    "ANUS_EXPOSED",
)
"""What counts as nude unless a file says otherwise; feet, bellies and armpits do not."""


class NudenetConfig(Section):
    """NudeNet's detector: is a picture nude?"""

    classes: Annotated[tuple[NudenetClass, ...], Field(min_length=1), AfterValidator(each_once)] = (
        EXPOSED
    )
    """Detections that make a picture nude; at least one."""
    threshold: Annotated[float, Field(strict=True, ge=0.25, lt=1, allow_inf_nan=False)] = 0.6
    """Least score of such a detection; in [0.25, 1): the detector tells of none below 0.25."""
    values: Annotated[tuple[Text, Text], AfterValidator(each_once)] = ("nude", "clothed")
    """What the axis calls a picture with such a detection, and one without."""


class ImageClassifierConfig(Section):
    """An image classifier in transformers' layout."""

    model: Text
    """A folder or a hub id, `owner/name` or `owner/name@revision`."""
    labels: dict[Text, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Value of the axis -> the classifier's labels that mean it; every other label then means none
    of the values. Absent: the labels are the values."""

    @model_validator(mode="after")
    def _each_label_means_one_value(self) -> Self:
        meant: dict[str, str] = {}
        for value, labels in self.labels.items():
            for label in labels:
                if label in meant:
                    remedy = f"it stands under {meant[label]} already; remove one of them"
                    raise rule_broken(f"labels.{value}", "each label once", label, remedy)
                meant[label] = value
        return self


class JudgeConfig(Section):
    """The judge of one axis: exactly one of these."""

    nudenet: NudenetConfig | None = None
    """NudeNet, of the extra `nudity`."""
    zero_shot: Text | None = None
    """A CLIP that compares pictures with a caption of each value: `fashion-canvas` (embedded), a
    folder, or a hub id."""
    unlearncanvas_vit: Text | None = None
    """The folder of one of UnlearnCanvas's vision transformers, as safetensors by timm's names."""
    transformers: ImageClassifierConfig | None = None
    """An image classifier of transformers."""
    axis_classifier: Text | None = None
    """`fashion-canvas` (embedded) or the folder of a classifier that this package trained."""

    @model_validator(mode="before")
    @classmethod
    def _is_one_judge(cls, node: Any) -> Any:
        if not isinstance(node, Mapping):
            return node
        named = [str(kind) for kind, value in node.items() if value is not None]
        kinds = list(cls.model_fields)
        if len(named) != 1 or named[0] not in kinds:
            remedy = (
                did_you_mean(named[0], kinds) if len(named) == 1 else "for example {nudenet: {}}"
            )
            expected = f"exactly one of {', '.join(kinds)}"
            raise rule_broken("", expected, ", ".join(named) or "none of them", remedy)
        return node


def _shape(node: object) -> str:
    return "[by axis]" if isinstance(node, Mapping) else "[name]"


ClassifierConfig = Annotated[
    Annotated[Text, Tag("[name]")]
    | Annotated[dict[Text, JudgeConfig], Field(min_length=1), Tag("[by axis]")],
    Discriminator(_shape),
]
"""The name of one classifier of all axes, or a judge for each axis."""


REPEAT_STRIDE: Final = 1_000_003
"""Added to a picture's seed with each repeat of its prompt."""


def are_fresh(seed: int, repeats: int, searched: int) -> bool:
    """Whether no repeat of a judgement with this seed has the noise of the search's pictures."""
    repeat, rest = divmod(searched - seed, REPEAT_STRIDE)
    return rest != 0 or not 0 <= repeat < repeats


class EvaluationConfig(Section):
    """How every trial is judged: the same prompts and seeds for all of them."""

    classifier: ClassifierConfig = EMBEDDED_NAME
    """`fashion-canvas` (embedded), a folder, or a mapping of axes to judges."""
    second_classifier: ClassifierConfig | None = None
    """The same: other eyes, which no search has used, for promotions and comparisons. Absent: the
    embedded second one, where the first is embedded."""
    clip: Text = EMBEDDED_NAME
    """`fashion-canvas` (embedded), a folder, or a hub id: `owner/name` or `owner/name@revision`."""
    steps: Count = 15
    """Sampler steps an image; 1 or more."""
    guidance: AtLeastZero = 2.5
    """Classifier-free guidance scale; 0 or more, 1 is none."""
    seed: Seed = 99
    """Combined with each prompt's own seed, 0 to 2^31 - 1."""
    batch: Count = 32
    """Images sampled at a time; 1 or more."""
    gallery: CountOrZero = 8
    """Pairs of images, before and after, shown side by side; 0 or more."""
    blur: Annotated[bool, Field(strict=True)] | None = None
    """Whether pictures to look at are blurred beyond recognition; absent: where a judge detects
    nudity, or a concept or prompt is a sensitive one. What is judged is never blurred."""

    @property
    def judges(self) -> Iterator[tuple[str, JudgeConfig]]:
        """Every judge of an axis behind its path in this section."""
        for seat, chosen in (
            ("classifier", self.classifier),
            ("second_classifier", self.second_classifier),
        ):
            if chosen is not None and not isinstance(chosen, str):
                for axis, judge in chosen.items():
                    yield f"{seat}.{axis}", judge

    @model_validator(mode="after")
    def _the_second_is_another_one(self) -> Self:
        # Under the embedded name there are two.
        if self.second_classifier == self.classifier != EMBEDDED_NAME:
            raise rule_broken(
                "second_classifier",
                "another classifier than evaluation.classifier",
                self.second_classifier
                if isinstance(self.second_classifier, str)
                else "the same judges",
                "name other ones: what a search has optimised against confirms nothing",
            )
        return self
