"""A user's mistake is told from a bug by where it was raised."""

from __future__ import annotations

import errno
import json

import pytest

from pipeline.cli.mistakes import BAD_INPUT, FAILED, Unsuccessful, exit_code_for
from pipeline.config import ConfigError, parse_space


def raised_by(function: object, *arguments: object) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        function(*arguments)  # type: ignore[operator]
    return caught.value


def test_our_own_value_errors_are_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    error = raised_by(parse_space, "name: [")
    assert isinstance(error, ConfigError)
    assert exit_code_for(error) == BAD_INPUT
    assert "Traceback" not in capsys.readouterr().err


def test_a_library_s_value_error_is_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_for(raised_by(json.loads, "{")) is None
    assert not capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), OSError(errno.EIO, "x")])
def test_other_errors_are_bugs(error: Exception) -> None:
    assert exit_code_for(error) is None


def test_a_full_disk_is_named_with_a_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_for(OSError(errno.ENOSPC, "no space", "/data/x")) == FAILED
    said = capsys.readouterr().err
    assert "/data/x" in said
    assert "free some space" in said


def test_an_outcome_to_no_avail_is_no_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_for(Unsuccessful("nothing qualifies")) == FAILED
    assert "nothing qualifies" in capsys.readouterr().err


def test_brackets_in_messages_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    """Rich would take them for markup and swallow them."""
    exit_code_for(Unsuccessful("expected [red] or [/], got [bold]"))
    assert "expected [red] or [/], got [bold]" in capsys.readouterr().err
