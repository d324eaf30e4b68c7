"""What runs and versions say of themselves in MLflow: Markdown, with links from one to the other.

Links are the ones of MLflow's own pages, which begin with `#`: they hold on whatever host and
behind whatever proxy the server is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np

from pipeline.search.records import TrialRecord
from pipeline.tracking.ledger import Ledger, Sent
from pipeline.tracking.limits import LONGEST_TEXT
from pipeline.tracking.markdown import escaped
from pipeline.tracking.table import Table

if TYPE_CHECKING:
    from mlflow import MlflowClient

NOTE: Final = "mlflow.note.content"
"""The tag that MLflow shows as a run's description."""

_PAGE: Final = "pareto.html"
_MAIN: Final = ("erasure", "ua", "ira", "cra", "worst_neighbour", "alignment")
_DESCRIBED: Final = 20  # members of the front in a run's description, which MLflow cuts at 8000
_STANDINGS: Final = {
    "running": "still running",
    "failed": "failed",
    "pruned": "stopped early",
}


@dataclass(frozen=True)
class Version:
    """A registered version that was made of a trial: its model's name and its number."""

    name: str
    number: int

    @property
    def link(self) -> str:
        """To its page in the registry."""
        place = f"#/models/{quote(self.name, safe='')}/versions/{self.number}"
        return f"[{escaped(self.name)} version {self.number}]({place})"


def run_link(experiment: str, run: str, text: str) -> str:
    """A link to a run's page."""
    return f"[{text}](#/experiments/{experiment}/runs/{run})"


def artifact_link(experiment: str, run: str, name: str) -> str:
    """A link to a run's file as MLflow shows it."""
    return f"[{name}](#/experiments/{experiment}/runs/{run}/artifacts/{quote(name)})"


def versions_of(
    client: MlflowClient, sweep: str, runs: Mapping[int, str]
) -> dict[int, list[Version]]:
    """The versions that the registry has of a sweep's trials, by trial and oldest first.

    Args:
        client: of the registry.
        sweep: its name.
        runs: ids of the trials' runs.
    """
    numbers = {run: number for number, run in runs.items()}
    found: dict[int, list[Version]] = {}
    # Names of sweeps have no quotes in them. Sweeps of the same name are told apart by the runs.
    for each in client.search_model_versions(f"tags.sweep = '{sweep}'"):
        if each.run_id in numbers:
            version = Version(each.name, int(each.version))
            found.setdefault(numbers[each.run_id], []).append(version)
    return {n: sorted(each, key=lambda v: (v.name, v.number)) for n, each in found.items()}


def trial_story(
    experiment: str,
    parent: str,
    trial: TrialRecord,
    versions: list[Version],
    *,
    on_front: bool,
) -> str:
    """A trial's description: what it is, its main numbers, what was registered of it.

    Args:
        experiment: id of MLflow's.
        parent: id of the sweep's run.
        trial: as the sweep has it.
        versions: made of it.
        on_front: whether no other trial dominates it.
    """
    complete = "**on the front**" if on_front else "dominated by another trial"
    standing = _STANDINGS.get(trial.state, complete)
    made = f"; registered as {', '.join(each.link for each in versions)}" if versions else ""
    sweep = run_link(experiment, parent, "its sweep")
    # In one line: MLflow shows the beginning alone until somebody asks for more.
    lines = [f"Trial {trial.number} of {sweep}: {standing}{made}."]
    rows = [f"| {name} | {trial.metrics[name]:.4f} |" for name in _MAIN if name in trial.metrics]
    if rows:
        lines += ["", "| metric | value |", "|---|---|", *rows, ""]
        beside = artifact_link(experiment, parent, _PAGE)
        lines += [f"Before and after: `gallery.png` among the artifacts; beside others: {beside}."]
    return "\n".join(lines)


def sweep_story(
    experiment: str, ledger: Ledger, table: Table, versions: Mapping[int, list[Version]]
) -> str:
    """A sweep's description: the front as a table whose trials and versions are links."""
    names = list(table.objectives)
    ways = ", ".join(f"{name}: {way}" for name, way in table.objectives.items())
    members = [row for row in table.rows if row.trial in table.front]
    members.sort(key=lambda row: row.values or ())
    page = artifact_link(experiment, str(ledger.parent), _PAGE)
    counts = f"**{len(table.front)}** of {len(table.rows)} trials are on the front ({ways})."
    lines = [f"{counts} See them with pictures before and after: {page}."]
    if len(members) > _DESCRIBED:
        lines += ["", f"{_DESCRIBED} of them, evenly chosen from end to end:"]
        members = [members[round(i)] for i in np.linspace(0, len(members) - 1, _DESCRIBED)]
    lines += ["", f"| trial | {' | '.join(names)} | registered |", "|---" * (len(names) + 2) + "|"]
    for row in members:
        sent = ledger.trials.get(row.trial)
        who = str(row.trial) if sent is None else run_link(experiment, sent.run, str(row.trial))
        made = ", ".join(version.link for version in versions.get(row.trial, []))
        lines.append(f"| {who} | {_numbers(row.values or ())} | {made} |")
    if all(name in table.base for name in names):
        lines.append(f"| base | {_numbers(tuple(table.base[name] for name in names))} | |")
    lines += ["", "Downloaded, the page opens in a whole window and needs no server."]
    return "\n".join(lines)


def _numbers(values: tuple[float, ...]) -> str:
    return " | ".join(f"{value:.4f}" for value in values)


def tell_sweep(
    client: MlflowClient, experiment: str, ledger: Ledger, table: Table
) -> dict[int, list[Version]]:
    """Bring the description and the tags of a sweep's run up to date; returns its versions.

    The tag `front` lists the trials on it, and `promoted` those that were registered.
    """
    parent = str(ledger.parent)
    runs = {number: sent.run for number, sent in ledger.trials.items()}
    versions = versions_of(client, table.sweep, runs)
    tags = {
        NOTE: sweep_story(experiment, ledger, table, versions),
        "front": ", ".join(map(str, sorted(table.front))),
    }
    if versions:
        tags["promoted"] = ", ".join(map(str, sorted(versions)))
    for name, text in tags.items():
        client.set_tag(parent, name, text if name == NOTE else text[:LONGEST_TEXT])
    return versions


def came_from(client: MlflowClient, sent: Sent) -> str:
    """A line for a version's description: links to the runs of its trial and its sweep."""
    run: Any = client.get_run(sent.run)
    experiment, tags = run.info.experiment_id, run.data.tags
    trial = run_link(experiment, sent.run, f"trial {tags['trial']}")
    parent = tags["mlflow.parentRunId"]
    sweep = run_link(experiment, parent, f"sweep {tags['sweep']}")
    return (
        f"From {trial} of {sweep}; beside its rivals: {artifact_link(experiment, parent, _PAGE)}."
    )


def tell_promotion(client: MlflowClient, ledger: Ledger, table: Table, trial: TrialRecord) -> None:
    """Let a trial's run and its sweep's name the version that was just made of it."""
    run: Any = client.get_run(ledger.trials[trial.number].run)
    experiment, parent = run.info.experiment_id, str(ledger.parent)
    versions = tell_sweep(client, experiment, ledger, table).get(trial.number, [])
    on_front = trial.number in table.front
    story = trial_story(experiment, parent, trial, versions, on_front=on_front)
    client.set_tag(run.info.run_id, NOTE, story)
