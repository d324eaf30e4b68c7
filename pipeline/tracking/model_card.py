"""A promoted folder's model card: what was done to which model, how well it went, and its limits.

The beginning is what Hugging Face's hub reads; the rest is for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.config import EMBEDDED_NAME, Experiment
from pipeline.config.plain_yaml import dump_yaml
from pipeline.config.user_path import user_path, without_machine
from pipeline.evaluation.evidence import Evidence
from pipeline.evaluation.formulas import EARLIER_FORMULAS, METRIC_FORMULAS
from pipeline.evaluation.report import Report
from pipeline.prompts.concept import Concept
from pipeline.prompts.prompt_set import PromptSet
from pipeline.search.places import GALLERY, MANIFEST, REPORT
from pipeline.search.records import SweepRecord, TrialRecord
from pipeline.tracking.card_usage import loading, reproducing
from pipeline.tracking.forms import Form
from pipeline.tracking.gate_result import GateResult
from pipeline.tracking.gate_section import gate_section
from pipeline.tracking.markdown import code, escaped, table

CARD: Final = "README.md"
"""In a promoted folder."""


@dataclass(frozen=True)
class CardFacts:
    """What a card tells of.

    Attributes:
        record: the sweep.
        trial: whose weights the model has.
        experiment: of the trial.
        evidence: what the second judge saw.
        result: the gate's verdict, with the second judgement.
        form: in which the model is kept.
    """

    record: SweepRecord
    trial: TrialRecord
    experiment: Experiment
    evidence: Evidence
    result: GateResult
    form: Form

    @property
    def prompt_set(self) -> PromptSet:
        """That taught and judged it."""
        return self.evidence.prompt_set


def model_card(facts: CardFacts) -> str:
    """The card as Markdown behind a block of YAML."""
    experiment, report = facts.experiment, facts.result.report
    erased = escaped(", ".join(report.concept.values))
    sections: dict[str, list[str]] = {
        "What was erased": list(_erased(facts)),
        "How": list(_how(facts)),
        "Numbers": _numbers(facts.result),
        "Gate": gate_section(facts.result),
        "Known limits": list(_limits(facts)),
        "Pictures": _pictures(facts),
        "Use": loading(experiment, facts.form),
        "The same again": reproducing(facts.record.name, facts.trial.number),
    }
    base = code(without_machine(experiment.model.base))
    lines = [
        "---",
        dump_yaml(_front_matter(experiment, facts.form)).rstrip(),
        "---",
        "",
        f"# {base} without {erased}",
        "",
        (
            f"Trial {facts.trial.number} of sweep {code(facts.record.name)}, judged on "
            f"{facts.result.when}. Hashes of everything that it was made from, and of every file "
            f"here, stand in `{MANIFEST}`; every judged picture in `{REPORT}`."
        ),
    ]
    for title, text in sections.items():
        lines += ["", f"## {title}", "", *text]
    return "\n".join(lines) + "\n"


def _front_matter(experiment: Experiment, form: Form) -> dict[str, Any]:
    base = experiment.model.base
    # The hub links to its own models alone.
    on_the_hub = base != EMBEDDED_NAME and base.count("/") == 1 and not user_path(base).exists()
    relation = "adapter" if form == "lora" else "finetune"
    return {
        "library_name": "diffusers",
        **({"base_model": base, "base_model_relation": relation} if on_the_hub else {}),
        "tags": ["concept-erasure", "machine-unlearning", *(["lora"] if form == "lora" else [])],
    }


def _erased(facts: CardFacts) -> Iterator[str]:
    for concept in facts.prompt_set.concepts:
        for value, anchor in concept.anchors.items():
            place = f"becomes {escaped(anchor)}" if anchor else "is left out of sentences"
            yield f"- the {escaped(concept.kind)} **{escaped(value)}**, which {place}"
    earlier = [each.name for erasure in facts.prompt_set.earlier for each in erasure.concepts]
    if earlier:
        yield f"- the base had forgotten already: {escaped(', '.join(earlier))}"
    model, report = facts.experiment.model, facts.result.report
    pinned = f" at revision {code(model.revision)}" if model.revision else ""
    base = code(without_machine(model.base))
    yield f"- the base is {base}{pinned}, of the fingerprint `{report.base}`"
    yield f"- this model's fingerprint is `{report.model}`"


def _how(facts: CardFacts) -> Iterator[str]:
    experiment = facts.experiment
    model, update, losses = experiment.model, experiment.update, experiment.losses
    if experiment.closed_form is not None:
        then = "; then trained" if experiment.closed_form.then_train else ", without training"
        yield f"- a closed-form edit of the cross-attention (UCE){then}"
    if experiment.is_trained:
        lora = f", as LoRA of rank {model.lora.rank}" if model.lora else ""
        yield f"- trained: {code(model.train)}{lora}"
        yield (
            f"- losses: forget {code(losses.forget)}, retain {code(losses.retain)}; update rule "
            f"{code(update.rule)}, restriction {code(update.restriction)}"
        )
        yield (
            f"- {update.steps} steps of {update.optimizer}, learning rate "
            f"{update.learning_rate:.6g}, retain weight {update.retain_weight:.6g}, batches of "
            f"{update.forget_batch} and {update.retain_batch}, seed {experiment.seed}"
        )
    prompts = facts.prompt_set
    shares = ", ".join(
        f"{share:.3f} {code(name)}" for name, share in prompts.retain_mix.items() if share > 0
    )
    yield (
        f"- {len(prompts.forget_train)} forget prompts, of which a share of "
        f"{experiment.prompts.forget_diversity:.3f} diversified; retain mix: {shares}"
    )
    if facts.trial.params:
        yield "- found by the search: " + ", ".join(
            f"{code(name)} {escaped(_short(value))}" for name, value in facts.trial.params.items()
        )


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _numbers(result: GateResult) -> list[str]:
    report = result.report
    pictures = report.images.forget + report.images.retain
    rows = []
    for name, value in report.metrics.items():
        found, paired = result.bounds.get(name), report.paired.get(name)
        rows.append(
            [
                code(name),
                f"{value:.4f}",
                "" if found is None else f"{found.low:.4f} to {found.high:.4f}",
                f"{report.base_metrics[name]:.4f}",
                ""
                if paired is None
                else f"{paired.mean:+.4f} ({paired.low:+.4f} to {paired.high:+.4f})",
                "" if found is None else str(found.prompts),
            ]
        )
    both = 2 * result.confidence - 1
    heads = ["measure", "this model", "interval", "base", "difference (95 %)", "prompts"]
    formulas = {**METRIC_FORMULAS, **EARLIER_FORMULAS}
    return [
        (
            f"Judged by {code(report.judge.classifier.name)}, which no search has used, and "
            f"{code(report.judge.clip.name)}, on {pictures} pictures that no search has seen. Each "
            f"end of an interval is a bound of confidence {result.confidence:g}; the interval "
            f"holds with {both:g}. A difference whose interval has no width says that none was "
            "seen: of n prompts about 3 / n may still differ."
        ),
        "",
        *table(heads, rows),
        "",
        (
            "Over f, the pictures of prompts that name what was erased, and r, all others; p is "
            "the judge's probability, ŷ the value that it sees, t(f) the one that f names:"
        ),
        "",
        *(f"- {code(name)}: {code(formulas[name])}" for name in report.metrics),
        *_singly(report),
    ]


def _singly(report: Report) -> list[str]:
    """Several concepts each for itself, and what was erased earlier."""
    rows = [
        [escaped(name), f"{values['ua']:.4f}", f"{values['erasure']:.4f}", "now"]
        for name, values in report.by_concept.items()
    ]
    rows += [
        [escaped(each.concept), f"{each.now.ua:.4f}", f"{each.now.erasure:.4f}", "earlier"]
        for each in report.regression
    ]
    return ["", *table(["concept", "ua", "erasure", "erased"], rows)] if rows else []


def _limits(facts: CardFacts) -> Iterator[str]:
    experiment, report = facts.experiment, facts.result.report
    counts = facts.prompt_set
    prompts = len(counts.forget_test) + len(counts.retain_test)
    sampling = report.sampling
    yield (
        f"- Judged only on {prompts} held-out prompts of the vocabulary "
        f"{code(experiment.prompts.vocabulary)} (pictures of each: {sampling.repeats}), at "
        f"{sampling.steps} steps and guidance {sampling.guidance:g}. What other sentences, "
        "languages, samplers or guidance bring back was not looked at."
    )
    yield (
        "- Attacks were not tried: whether a prompt made for it, or some further training, brings "
        "the concept back is not known."
    )
    if report.neighbours:
        name, worst = min(report.neighbours.items(), key=lambda item: item[1])
        found = facts.result.bounds.get("worst_neighbour")
        least = "" if found is None else f" (bound {found.low:.4f}, {found.prompts} prompts)"
        yield f"- The neighbour that suffered most is {escaped(name)}: {worst:.4f} of it{least}."
    yield from _own_errors(report, facts.prompt_set.concept)
    if facts.result.outcome in ("no gate", "overridden"):
        words = {"no gate": "No gate was asked for", "overridden": "The gate was overridden"}
        yield f"- {words[facts.result.outcome]}: see above."


def _own_errors(report: Report, concept: Concept) -> Iterator[str]:
    """How far the second judge itself can be trusted, as the base's pictures show."""
    judge, base = code(report.judge.classifier.name), report.base_metrics
    axes: Mapping[str, str | None] = {"ira": concept.kind, "cra": concept.other}
    seen = [
        f"the {escaped(axis)} in {base[name]:.4f}"
        for name, axis in axes.items()
        if axis is not None and name in base
    ]
    yield (
        f"- The judge errs, too: it ({judge}) recognises {' and '.join(seen)} of the *base's* "
        "pictures of everything else. The rest are its own mistakes and the base's."
    )


def _pictures(facts: CardFacts) -> list[str]:
    if facts.experiment.evaluation.gallery == 0:
        return ["None were drawn (`evaluation.gallery: 0`)."]
    return [
        f"![Pairs of pictures of one prompt and noise: the base's, and this model's]({GALLERY})",
        "",
        (
            "Before and after, from the same noise; prompts of what was erased come first. They "
            "may be blurred, where what they show is a sensitive concept."
        ),
    ]
