"""Names become folders under home, and never anywhere else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli.folders import existing_sweep, sweep_folder
from pipeline.search.places import sweeps_folder


@given(st.text())
def test_no_name_leads_out_of_the_folder_of_sweeps(name: str) -> None:
    try:
        folder = sweep_folder(name)
    except ValueError:
        return
    assert folder.resolve().parent == sweeps_folder().resolve()


@pytest.mark.parametrize("name", ["demo", "a", "0", "a.b-c_d", "x" * 64])
def test_good_names_are_taken(name: str) -> None:
    assert sweep_folder(name).name == name


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "A", "x" * 65])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected lower-case letters"):
        sweep_folder(name)


def test_a_misspelt_sweep_is_guessed(tmp_path: Path) -> None:
    for name in ("sneaker", "neon"):
        (tmp_path / "sweeps" / name).mkdir(parents=True)
        (tmp_path / "sweeps" / name / "sweep.json").write_text("{}")
    assert existing_sweep("neon") == tmp_path / "sweeps" / "neon"
    with pytest.raises(ValueError, match="did you mean sneaker"):
        existing_sweep("sneker")
    with pytest.raises(ValueError, match="there are: neon, sneaker"):
        existing_sweep("zzz")
