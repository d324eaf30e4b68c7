"""`unlearn train` where memory has run short: once more with less, then an end with advice."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.cli.in_process import tell
from tests.search.spaces import put_trial, smoke_space


def test_what_ran_out_of_memory_with_half_the_rows_too_ends_with_advice() -> None:
    home = Path(os.environ["UNLEARN_HOME"])
    run = put_trial(home / "run", smoke_space(scaling={"workers": 2}))
    # As two attempts leave it: the first one with all rows, the second one with half of them.
    (run / "shortage.json").write_text(json.dumps({"short": "training", "halved": ["training"]}))
    told = tell("train", run / "experiment.yaml", "--out", run)
    assert told.code == 1
    assert "out of memory while training, with half the rows at a time too" in told.err
    assert "raise update.accumulate" in told.err
    assert "one worker trains it" in told.err
