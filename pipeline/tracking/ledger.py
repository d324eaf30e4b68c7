"""What the mirror remembers of a sweep: run ids, and how much of each trial was sent.

Losing it costs time, not truth: runs are found again by their tags, and what is sent twice changes
nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pipeline.search.files import write_json


@dataclass
class Sent:
    """What MLflow has of one trial.

    Attributes:
        run: MLflow's id of the run.
        start: start of the run, milliseconds since 1970, as MLflow has it.
        parameters: whether they were sent.
        step: last step of telemetry sent.
        results: digest of the results sent.
        state: the trial's state as last sent.
        front: whether MLflow knows the trial as a member of the front.
    """

    run: str
    start: int
    parameters: bool = False
    step: int | None = None
    results: str | None = None
    state: str | None = None
    front: bool | None = None


@dataclass
class Ledger:
    """What one tracking server has of one sweep.

    Attributes:
        server: the tracking URI, without credentials.
        parent: MLflow's id of the sweep's run.
        start: start of the sweep's run, milliseconds since 1970.
        summary: digest of the summary sent.
        hypervolume: last trial whose hypervolume was sent.
        trials: what was sent, by trial number.
    """

    server: str
    parent: str | None = None
    start: int = 0
    summary: str | None = None
    hypervolume: int = -1
    trials: dict[int, Sent] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, uri: str) -> Ledger:
        """The ledger in a file; an empty one if it is missing, damaged, or of another server."""
        fresh = cls(server_name(uri))
        try:
            data = json.loads(path.read_text())
            trials = {int(number): Sent(**sent) for number, sent in data.pop("trials").items()}
            ledger = cls(**data, trials=trials)
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return fresh
        return ledger if ledger.server == fresh.server else fresh

    def save(self, path: Path) -> None:
        """Write the file whole or not at all."""
        write_json(path, asdict(self))


def server_name(uri: str) -> str:
    """A tracking URI without the credentials that it may carry."""
    return re.sub(r"//[^/@\s]*@", "//", uri)
