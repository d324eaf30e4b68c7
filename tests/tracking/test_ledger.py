"""The ledger: it comes back whole, or as if it had never been."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tracking.ledger import Ledger, Sent, server_name


def test_it_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    ledger = Ledger("http://host", parent="a", start=3, summary="d", hypervolume=2)
    ledger.trials[7] = Sent("b", 5, parameters=True, step=40, results="e", state="complete")
    ledger.save(tmp_path / "mlflow.json")
    assert Ledger.load(tmp_path / "mlflow.json", "http://host") == ledger


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{}", '{"trials": {"x": {}}}', '{"trials": [], "server": 1}']
)
def test_a_damaged_one_is_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "mlflow.json").write_text(text)
    assert Ledger.load(tmp_path / "mlflow.json", "http://host") == Ledger("http://host")


def test_credentials_are_not_written_down() -> None:
    assert server_name("https://me:secret@host:5000/path") == "https://host:5000/path"
    assert server_name("postgresql://me:secret@host/db") == "postgresql://host/db"
    assert server_name("sqlite:////home/me@work/mlflow.db") == "sqlite:////home/me@work/mlflow.db"
