"""`unlearn compare`: methods against each other, on the same targets with the same budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.mistakes import INTERRUPTED, Unsuccessful
from pipeline.cli.options import HomeOption
from pipeline.cli.terminal import RESULTS, note, say

if TYPE_CHECKING:
    from pipeline.config import Comparison, Pair
    from pipeline.search.live import View
    from pipeline.tracking.mirror import Mirror

_LAST_WORDS_SECONDS = 60.0


def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Comparison, a YAML file.")],
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="T", help="Run this target only; may be repeated."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="M", help="Run this method only; may be repeated."),
    ] = None,
    *,
    report: Annotated[
        bool, typer.Option("--report", help="Run nothing; write the results of what is there.")
    ] = False,
    _home: HomeOption = None,
) -> None:
    """Search every method on every target, judge the chosen ones anew, and say how they differ.

    The second classifier, which no search uses, judges the chosen member of each front, trained
    again with several seeds. Interrupt it whenever you like: the same command goes on where it was.
    """
    from pipeline.cli.folders import comparison_folder
    from pipeline.config import load_comparison

    comparison = load_comparison(file)  # what is wrong with it is told before Ray is imported
    from pipeline.search.comparison import run_comparison
    from pipeline.search.comparison_claim import selected

    pairs = selected(comparison, target or (), method or ())
    watcher = _Watcher(comparison, comparison_folder(comparison.name))
    try:
        crashed = {} if report else run_comparison(comparison, watcher.folder, pairs, watcher)
        watcher.report(everything=True)
    except KeyboardInterrupt:
        note(f"interrupted; go on with: unlearn compare {file}")
        raise typer.Exit(INTERRUPTED) from None
    say((watcher.folder / "table.md").read_text(encoding="utf-8"))
    say(str(watcher.folder))
    if crashed:
        shown = "\n".join(f"  {folder}: {reason}" for folder, reason in list(crashed.items())[:3])
        raise Unsuccessful(
            f"{len(crashed)} trainings crashed:\n{shown}\nsee error.txt there; the same command "
            "tries them again"
        )


class _Watcher:
    """Tells the terminal and MLflow what a comparison does, and keeps its results up to date."""

    def __init__(self, comparison: Comparison, folder: Path) -> None:
        self.folder = folder
        self._comparison = comparison
        self._mirrors: dict[Path, Mirror] = {}

    def say(self, line: str) -> None:
        """See `Audience`."""
        say(line)

    def open_view(self) -> View:
        """See `Audience`."""
        from pipeline.search.live import open_view

        return open_view(RESULTS)

    def sweep_changed(self, folder: Path) -> None:
        """See `Audience`."""
        from pipeline.tracking.mirror import Mirror

        mirror = self._mirrors.setdefault(folder, Mirror(folder))
        mirror.start()
        mirror.wake()

    def sweep_ended(self, folder: Path) -> None:
        """See `Audience`; what MLflow has not got then is sent at the end, or by --report."""
        mirror = self._mirrors.pop(folder, None)
        if mirror is not None:
            mirror.close(_LAST_WORDS_SECONDS)

    def pair_ended(self, pair: Pair) -> None:  # noqa: ARG002
        """See `Audience`."""
        self.report(everything=False)

    def report(self, *, everything: bool) -> None:
        """Write the results, and bring MLflow up to date: with all searches, or without them."""
        from pipeline.search.comparison_record import read_comparison
        from pipeline.tracking.comparison.files import write_results
        from pipeline.tracking.comparison.run import send_comparison
        from pipeline.tracking.ledger import server_name
        from pipeline.tracking.mirror import Mirror
        from pipeline.tracking.uri import tracking_uri

        record = read_comparison(self._comparison, self.folder)
        results = write_results(record)
        lacking = send_comparison(record, results)
        sweeps = [sweep.folder for pair in record.pairs for sweep in pair.sweeps]
        for sweep in sweeps if everything else ():
            # After a failure the next ones would only wait for the same server.
            lacking = lacking or Mirror(sweep).sync_once().reason
        if lacking is not None:
            note(
                f"MLflow ({server_name(tracking_uri())}) has not got all of it: {lacking}; "
                "the rest is sent later",
                "yellow",
            )
