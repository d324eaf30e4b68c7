"""`unlearn plan` from the shell: for people, for programs, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import SMOKE, Unlearn, environment_of


def test_people_get_tables_that_wrap_at_80_columns(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "plan", str(SMOKE)],
        cwd=tmp_path,
        env={**environment_of(tmp_path), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=280,
        check=True,
    )
    assert max(map(len, done.stdout.splitlines())) <= 80
    for words in ("same_context", "optimiser states", "together, at most", "of them move"):
        assert words in done.stdout
    assert "--measure" in done.stderr
    # Nothing was made.
    assert not list(tmp_path.rglob("*"))


def test_programs_get_json_and_a_measured_time(unlearn: Unlearn) -> None:
    done = unlearn("plan", SMOKE, "--json", "--measure", "--set", "update.steps=7")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["fits"] is True
    assert plan["steps"] == {"least": 7, "most": 7}
    assert plan["trials"] == 2
    assert plan["pictures"]["judging"] == {"wanted": 24, "stored": 0, "missing": 24}
    assert plan["parameters"]["moving"] < plan["parameters"]["parts"]["unet"]
    assert plan["time"]["seconds"] > 0
    assert "one forward pass" in plan["time"]["because"]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_cannot_fit_is_refused_in_one_message(unlearn: Unlearn, form: tuple[str, ...]) -> None:
    done = unlearn("plan", SMOKE, "--memory", "20MB", *form)
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert "expected a trial that fits" in done.stderr
    assert "model.lora" in done.stderr
    if form:
        plan = json.loads(done.stdout)
        assert plan["fits"] is False
        assert plan["reason"] in done.stderr
