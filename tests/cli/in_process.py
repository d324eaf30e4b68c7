"""The real command line inside the test's own process: what it says, how it ends, what it leaves.

A process of its own takes a second to start, too long for hundreds of bad files. What would be a
traceback there is an exception here, which fails the test.
"""

from __future__ import annotations

import io
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli import main
from pipeline.cli.terminal import RESULTS


@dataclass(frozen=True)
class Told:
    """How a command ended.

    Attributes:
        code: its exit code.
        out: what it printed on standard output.
        err: what it printed on standard error.
        seconds: of a processor that it took; others may use the machine, too.
    """

    code: int
    out: str
    err: str
    seconds: float


def tell(*arguments: object) -> Told:
    """Run `unlearn` with these arguments."""
    out, err = io.StringIO(), io.StringIO()
    started = time.process_time()
    RESULTS.width = 200  # no line of a table is broken, whatever runs the tests
    with redirect_stdout(out), redirect_stderr(err):
        try:
            main(list(map(str, arguments)))
        except SystemExit as end:
            code = end.code
    assert isinstance(code, int)
    return Told(code, out.getvalue(), err.getvalue(), time.process_time() - started)


def tree_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change in nanoseconds of everything in a folder, by path."""
    stats = {path.relative_to(folder).as_posix(): path.lstat() for path in folder.rglob("*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def assert_refused(told: Told, *named: str, seconds: float = 5.0) -> None:
    """One message that names the place, exit code 2, no traceback, and soon."""
    assert told.code == 2, told.err or told.out
    assert told.err.count("error: ") == 1, told.err
    assert "Traceback" not in told.err
    for words in named:
        assert words in told.err, told.err
    assert told.seconds < seconds
