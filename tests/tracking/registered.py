"""Trained, promoted and registered models on a real server, one in each form."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.diffusion.store import Store
from pipeline.search.trial import run_trial
from pipeline.tracking.forms import Form
from pipeline.tracking.promotion import Promotion, SecondJudgement, promote
from pipeline.tracking.registry import Listing
from tests.tracking.server import Server
from tests.tracking.sweeps import Sweep

SPACE = """
name: tiny
concept: {kind: object, forget: [sneaker]}
prompts: {train: 4, test: 16}
synthesis: {steps: 2}
update:
  learning_rate: {log_uniform: [1e-3, 2e-3]}
  steps: 2
  forget_batch: 2
  retain_batch: 2
  warmup: 1
evaluation: {steps: 2, batch: 16, gallery: 2}
objectives: {erasure: maximize, alignment: maximize}
budget: {trials: 1, sampler: random}
"""
LORA = SPACE + "model: {lora: {rank: 2}}\n"
ONCE = SecondJudgement(seed=4321, repeats=1)


@dataclass(frozen=True)
class Registered:
    """A home whose registry has `tiny/1` (a folder), `tiny/2` (a delta) and `ada/1` (adapters).

    Attributes:
        home: of sweeps and cache.
        uri: of the server.
        promotions: by what they are called.
    """

    home: Path
    uri: str
    promotions: dict[str, Promotion]

    def folder_of(self, name: str) -> Path:
        """The artifacts of a version as the server keeps them."""
        report = self.promotions[name].report
        (found,) = (
            path.parent
            for path in self.home.glob("server/artifacts/*/*/artifacts/promoted/*/manifest.json")
            if f'"model": "{report.model}"' in path.read_text()
        )
        return found


@contextmanager
def registered(home: Path, database: Path) -> Iterator[Registered]:
    """Train, promote and register; the server is killed at the end."""
    server = Server(home / "server", database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNLEARN_HOME", str(home))
        server.start()
        try:
            tiny, ada = _trained(home, "tiny", SPACE), _trained(home, "ada", LORA)

            def entered(sweep: Sweep, form: Form) -> Promotion:
                return promote(
                    sweep.record, {}, uri=server.uri, judgement=ONCE, form=form, listing=Listing()
                )

            whole = entered(tiny, "folder")
            # A second promotion of a trial writes into the same folder.
            shutil.copytree(whole.folder, home / "whole")
            promotions = {
                "tiny/1": whole,
                "tiny/2": entered(tiny, "delta"),
                "ada/1": entered(ada, "lora"),
            }
            yield Registered(home, server.uri, promotions)
        finally:
            server.kill()


def _trained(home: Path, name: str, text: str) -> Sweep:
    sweep = Sweep(home / "sweeps" / name, text=text)
    number = sweep.begin(steps=())
    outcome = run_trial(sweep.trial(number), Store(home / "cache"), time.time())
    sweep.tell(number, outcome)
    return sweep
