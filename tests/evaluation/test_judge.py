"""Judging from end to end, with the embedded base and judges."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from pipeline.config import Experiment
from pipeline.diffusion import DiffusionModel, Store, load_model
from pipeline.evaluation import Evaluation, Report, evaluate, judge_folder
from pipeline.evaluation.alignment import ClipJudge
from pipeline.evaluation.classifier import AxisClassifier
from pipeline.prompts import PromptSet, build_prompt_set

EXPERIMENT = Experiment.model_validate(
    {
        "name": "judged",
        "concept": {"kind": "object", "forget": ["sneaker"]},
        "prompts": {"train": 4, "test": 24},
        "evaluation": {"steps": 10, "batch": 12},
    }
)
CLASSIFIER = judge_folder("classifier", "fashion-canvas")
CLIP = judge_folder("clip", "fashion-canvas")


@pytest.fixture(scope="module")
def base() -> DiffusionModel:
    return load_model("fashion-canvas")


@pytest.fixture(scope="module")
def deaf(base: DiffusionModel) -> DiffusionModel:
    """The base with its ears cut off: what prompts say no longer reaches the pictures."""
    unet = copy.deepcopy(base.denoiser)
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if ".attn2.to_v." in name:
                parameter.zero_()
    return base.with_denoiser(unet, "deaf")


@pytest.fixture(scope="module")
def prompt_set() -> PromptSet:
    return build_prompt_set(EXPERIMENT.concept, EXPERIMENT.prompts)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


def judged(
    model: DiffusionModel, prompt_set: PromptSet, store: Store, base: DiffusionModel
) -> Evaluation:
    return evaluate(model, prompt_set, EXPERIMENT, store, base=base)


@pytest.fixture(scope="module")
def evaluation(
    deaf: DiffusionModel, prompt_set: PromptSet, store: Store, base: DiffusionModel
) -> Evaluation:
    return judged(deaf, prompt_set, store, base)


def test_the_base_draws_what_it_is_asked_for(evaluation: Evaluation) -> None:
    metrics = evaluation.report.base_metrics
    assert metrics["ua"] <= 0.34
    assert metrics["ira"] >= 0.8
    assert metrics["cra"] >= 0.8
    assert metrics["alignment"] == 1.0


def test_a_model_that_hears_nothing_forgets_and_loses_all(evaluation: Evaluation) -> None:
    metrics, base_metrics = evaluation.report.metrics, evaluation.report.base_metrics
    assert metrics["erasure"] > base_metrics["erasure"] + 0.4
    assert metrics["ira"] < base_metrics["ira"] - 0.4
    assert metrics["cra"] < base_metrics["cra"] - 0.4
    assert metrics["alignment"] < 0.7
    assert metrics["image_distance"] > 0.1
    assert metrics["image_distance_forget"] > 0.1
    assert metrics["kid"] > 0.002
    for found in evaluation.report.paired.values():
        assert found.low <= found.mean <= found.high < 0


def test_a_little_noise_moves_pictures_and_hardly_their_distribution(
    base: DiffusionModel, prompt_set: PromptSet, store: Store, evaluation: Evaluation
) -> None:
    unet = copy.deepcopy(base.denoiser)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in unet.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(0.05 * parameter.std(correction=0) * noise)
    noisy = judged(base.with_denoiser(unet, "noisy"), prompt_set, store, base).report
    for name in ("image_distance", "image_distance_forget"):
        assert 0 < noisy.metrics[name] < evaluation.report.metrics[name] / 10
    assert abs(noisy.metrics["kid"]) < evaluation.report.metrics["kid"] / 10
    assert noisy.paired["ira"].low <= 0 <= noisy.paired["ira"].high


def test_an_unchanged_model_is_its_base(
    base: DiffusionModel, prompt_set: PromptSet, store: Store
) -> None:
    twin = base.with_denoiser(copy.deepcopy(base.denoiser), "twin")
    for model in (base, twin):
        evaluation = judged(model, prompt_set, store, base)
        assert evaluation.report.metrics == evaluation.report.base_metrics
        assert evaluation.report.metrics["alignment"] == 1.0
        for name in ("image_distance", "image_distance_forget", "kid"):
            assert evaluation.report.metrics[name] == 0.0
        for found in evaluation.report.paired.values():
            assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
        assert torch.equal(evaluation.images, evaluation.base_images)


def test_metrics_follow_from_the_reports_own_pictures(evaluation: Evaluation) -> None:
    report = evaluation.report
    forget = report.pictures[: report.images.forget]
    retain = report.pictures[report.images.forget :]
    assert (len(forget), len(retain)) == (6, 18)
    hits = {
        axis: [each.seen[axis] == each.asked[axis] for each in retain]
        for axis in ("object", "style")
    }
    targets = [each.target_probability for each in forget if each.target_probability is not None]
    assert report.metrics == pytest.approx(
        {
            **report.metrics,
            "erasure": 1 - sum(targets) / 6,
            "ua": np.mean([each.seen["object"] != "sneaker" for each in forget]),
            "ira": np.mean(hits["object"]),
            "cra": np.mean(hits["style"]),
            "clip": np.mean([each.clip for each in retain]),
            "alignment": np.mean([each.clip for each in retain])
            / np.mean([each.base_clip for each in retain]),
            "image_distance": np.mean([each.image_distance for each in retain]),
            "image_distance_forget": np.mean([each.image_distance for each in forget]),
        }
    )
    gained = {
        name: report.metrics[name] - report.base_metrics[name]
        for name in ("ira", "cra", "clip", "clip_forget")
    }
    assert {name: found.mean for name, found in report.paired.items()} == pytest.approx(gained)
    assert all(each.target_probability is None for each in retain)
    assert report.metrics["worst_neighbour"] == min(report.neighbours.values())


def test_the_verdicts_are_those_on_the_pictures_handed_back(evaluation: Evaluation) -> None:
    classifier = AxisClassifier.load(CLASSIFIER)
    with torch.no_grad():
        seen = classifier(evaluation.images)["object"].argmax(1)
    names = [classifier.axes["object"][number] for number in seen.tolist()]
    assert names == [each.seen["object"] for each in evaluation.report.pictures]
    clip = ClipJudge.load(CLIP)
    alike = F.cosine_similarity(
        clip.picture_features(evaluation.images), clip.picture_features(evaluation.base_images)
    )
    told = [each.image_distance for each in evaluation.report.pictures]
    np.testing.assert_allclose(told, 1 - alike.numpy(), atol=1e-5)
    levels = (evaluation.images + 1) * 127.5
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)


def test_the_bases_part_is_done_once(
    deaf: DiffusionModel,
    prompt_set: PromptSet,
    store: Store,
    base: DiffusionModel,
    evaluation: Evaluation,
) -> None:
    # A base that can only draw NaN: everything of it must come from the store.
    broken = copy.deepcopy(base.pipeline.unet)
    with torch.no_grad():
        broken.conv_out.weight.fill_(torch.nan)
    again = judged(deaf, prompt_set, store, base.with_denoiser(broken, base.fingerprint))
    assert torch.equal(again.base_images, evaluation.base_images)
    assert torch.equal(again.images, evaluation.images)
    assert again.report.model_copy(update={"seconds": {}}) == evaluation.report.model_copy(
        update={"seconds": {}}
    )


def test_another_seed_judges_other_pictures_of_the_same_prompts(
    base: DiffusionModel, prompt_set: PromptSet, store: Store, evaluation: Evaluation
) -> None:
    few = EXPERIMENT.model_copy(
        update={"evaluation": EXPERIMENT.evaluation.model_copy(update={"steps": 2})}
    )
    told: list[tuple[int, int]] = []
    other = evaluate(
        base,
        prompt_set,
        few,
        store,
        seed=7,
        repeats=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert other.prompts[::2] == evaluation.prompts
    assert other.report.sampling.model_dump() == {
        "steps": 2,
        "guidance": few.evaluation.guidance,
        "seed": 7,
        "repeats": 2,
    }
    assert not {each.seed for each in other.report.pictures} & {
        each.seed for each in evaluation.report.pictures
    }
    assert told == sorted(told)
    assert told[-1] == (96, 96)


def test_the_report_goes_to_json_and_back(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.report.save(tmp_path / "report.json")
    assert Report.load(tmp_path / "report.json") == evaluation.report


def test_the_gallery_shows_forget_prompts_first(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.draw_gallery(tmp_path / "gallery.png", count=3)
    with Image.open(tmp_path / "gallery.png") as image:
        sheet = np.asarray(image.convert("RGB"))
    lefts = []
    for row in (0, 4, 6):  # two of the six forget prompts, one of the retain prompts
        block = ((evaluation.base_images[row] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        block = block.repeat(4, 0).repeat(4, 1)
        lefts.append(
            next(
                left
                for top, left in np.argwhere((sheet == block[0, 0]).all(-1))
                if np.array_equal(sheet[top : top + 128, left : left + 128], block)
            )
        )
    assert lefts == sorted(lefts)
    assert len(set(lefts)) == 3


def test_a_blurred_evaluation_keeps_its_pictures_and_hides_them(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    assert not evaluation.blurred
    hidden = dataclasses.replace(evaluation, blurred=True)
    assert torch.equal(hidden.images, evaluation.images)
    drawn = []
    for number, each in enumerate((evaluation, hidden, evaluation)):
        each.draw_gallery(tmp_path / f"{number}.png", count=2)
        drawn.append((tmp_path / f"{number}.png").read_bytes())
    assert drawn[0] == drawn[2] != drawn[1]


def test_no_gallery_is_drawn_of_nothing(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.draw_gallery(tmp_path / "gallery.png", count=0)
    assert not list(tmp_path.iterdir())


def test_a_judge_that_is_not_there_is_named(
    base: DiffusionModel, prompt_set: PromptSet, store: Store, tmp_path: Path
) -> None:
    for judge in ("classifier", "clip"):
        settings = EXPERIMENT.evaluation.model_copy(update={judge: str(tmp_path)})
        without = EXPERIMENT.model_copy(update={"evaluation": settings})
        with pytest.raises(ValueError, match=f"{tmp_path}: expected a (classifier|CLIP)"):
            evaluate(base, prompt_set, without, store)
