"""A one-way copy of a sweep's folder to MLflow that never stands in the sweep's way.

The folder is the truth, MLflow a picture of it. The mirror may be stopped, killed, started again
or run twice: it sends what is missing and nothing twice. A tracking server that is slow, away,
restarted or restarted empty costs the sweep nothing; what could not be sent is sent later.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pipeline.search.places import SWEEP
from pipeline.search.records import SweepReader, SweepRecord, TrialRecord
from pipeline.tracking.connection import connect, experiment_id, set_patience
from pipeline.tracking.ledger import Ledger, Sent, server_name
from pipeline.tracking.page.sweep_data import SweepPages
from pipeline.tracking.sweep_run import (
    send_hypervolume,
    send_summary,
    summary_digest,
    sweep_run,
    sweep_tags,
    trial_runs,
)
from pipeline.tracking.table import Table, table_of
from pipeline.tracking.trial_run import Destination, is_settled, new_run, send_trial
from pipeline.tracking.uri import tracking_uri

LEDGER: Final = "mlflow.json"
"""The ledger's name in a sweep's folder."""

_LONGEST_PAUSE: Final = 60.0  # seconds between two tries while the server is away
_FIGURES_EVERY: Final = 20.0  # seconds; a page of the front is 5 MB
_LEDGER_SHARE: Final = 0.05  # of the time; it is written whole, and what it lacks is found again
_FAILURES_IN_A_ROW: Final = 2  # one failing trial is that trial's fault, two are the server's
_LONGEST_REASON: Final = 300


@dataclass(frozen=True)
class Backlog:
    """What MLflow still lacks of a sweep.

    Attributes:
        trials: numbers of the trials of which something could not be sent.
        summary: whether the figures and the table could not be sent.
        reason: what went wrong first; None if nothing did.
    """

    trials: tuple[int, ...] = ()
    summary: bool = False
    reason: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is left to send."""
        return bool(self.trials or self.summary or self.reason)


class Mirror:
    """Mirrors one sweep; `sync_once` does it now, `start` in the background until `close`.

    Args:
        folder: the sweep's.
        uri: MLflow's tracking URI; `$MLFLOW_TRACKING_URI`, or a database file in the home folder
            of sweeps, if None.
        interval: seconds between two looks at the folder.
        timeout: seconds that one request to a server may take.
    """

    def __init__(
        self, folder: Path, uri: str | None = None, *, interval: float = 3.0, timeout: int = 5
    ) -> None:
        self.folder = folder
        self.uri = tracking_uri() if uri is None else uri
        self._reader = SweepReader(folder)
        self._interval = interval
        self._timeout = timeout
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._backlog = Backlog(reason="nothing was sent yet")
        self._to: Destination | None = None
        self._pages = SweepPages()
        self._figures_at = -_FIGURES_EVERY
        self._ledger_due = 0.0

    def start(self) -> None:
        """Mirror in a background thread; returns at once, whatever the server does."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="mlflow-mirror", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look at the folder soon: something has changed. Cheap, from any thread."""
        self._woken.set()

    def close(self, timeout: float = 30.0) -> Backlog:
        """End the background thread after a last pass; returns what is still unsent.

        Args:
            timeout: seconds to wait for it. A thread that takes longer is left to die with the
                process; the ledger says what it has sent.
        """
        thread, self._thread = self._thread, None
        if thread is None:
            return self._backlog
        self._stopping.set()
        self._woken.set()
        thread.join(timeout)
        if thread.is_alive():
            return Backlog(self._backlog.trials, summary=True, reason=f"no end after {timeout:g} s")
        return self._backlog

    def sync_once(self) -> Backlog:
        """Send all that is missing now; returns what could not be sent. Raises nothing."""
        return self._sync(figures=True)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            if not (self.folder / SWEEP).exists():
                self._stopping.wait(self._interval)
                continue
            began = time.monotonic()
            due = began - self._figures_at >= _FIGURES_EVERY
            failures = failures + 1 if self._sync(figures=due).reason else 0
            # A big sweep takes longer to read; reading may take a tenth of the time at most.
            pause = max(self._interval, 10 * (time.monotonic() - began))
            if failures:
                self._stopping.wait(min(self._interval * 2**failures, _LONGEST_PAUSE))
            else:
                self._woken.wait(min(pause, _LONGEST_PAUSE))
            self._woken.clear()
        self._sync(figures=True)

    def _sync(self, *, figures: bool) -> Backlog:
        with self._lock:
            try:
                # Another client in this process may have set its own.
                set_patience(self._timeout, retries=0)
                with _alone(self.folder / "mlflow.lock"):
                    self._backlog = self._pass(figures=figures)
            except Exception as error:  # noqa: BLE001 - nothing here may end the sweep
                self._backlog = Backlog(self._backlog.trials, summary=True, reason=_said(error))
            if self._backlog.reason:
                self._to = None
            return self._backlog

    def _pass(self, *, figures: bool) -> Backlog:
        record = self._reader.read()
        table = table_of(record)
        ledger = Ledger.load(self.folder / LEDGER, self.uri)
        unsent = tuple(t.number for t in record.trials if not _settled(t, ledger, table))
        digest = summary_digest(record, table, self._pages)
        # Only the server can tell whether it still has what it once got: asked once, and again
        # after every failure.
        if self._to is not None and not unsent and ledger.summary == digest:
            return Backlog()
        try:
            to = self._to = self._to or self._destination(record, ledger)
        except Exception as error:  # noqa: BLE001 - whatever MLflow does, the sweep goes on
            return Backlog(unsent, summary=True, reason=_said(error))
        backlog = self._send_trials(to, record, table, ledger)
        if figures and not backlog.summary and ledger.summary != digest:
            try:
                send_hypervolume(to, ledger, table)
                send_summary(to, ledger, record, table, self._pages)
            except Exception as error:  # noqa: BLE001 - the same
                return Backlog(backlog.trials, summary=True, reason=_said(error))
            self._figures_at = time.monotonic()
            ledger.summary = digest
            ledger.save(self.folder / LEDGER)
        return backlog

    def _destination(self, record: SweepRecord, ledger: Ledger) -> Destination:
        """Where to send to; makes the ledger agree with what the server really has."""
        client = connect(self.uri, timeout=self._timeout)
        experiment = experiment_id(client, self.uri)
        parent = sweep_run(client, experiment, record).info
        if parent.run_id != ledger.parent:
            # Another server, or the same one after its records were lost or deleted.
            ledger.parent, ledger.start = parent.run_id, parent.start_time
            ledger.summary, ledger.hypervolume = None, -1
        there = trial_runs(client, experiment, parent.run_id)
        known = {n: sent for n, sent in ledger.trials.items() if n in there}
        ledger.trials = {
            number: known[number]
            if number in known and known[number].run == run.info.run_id
            else Sent(run.info.run_id, run.info.start_time)
            for number, run in there.items()
        }
        ledger.save(self.folder / LEDGER)
        return Destination(client, experiment, parent.run_id, sweep_tags(record))

    def _send_trials(
        self, to: Destination, record: SweepRecord, table: Table, ledger: Ledger
    ) -> Backlog:
        """Send what is missing of each trial, until the server seems to be away.

        `summary` of the result says that it does.
        """
        remember = partial(self._remember, ledger)
        unsent: list[int] = []
        reason: str | None = None
        in_a_row = 0
        for trial in record.trials:
            if _settled(trial, ledger, table):
                continue
            if in_a_row == _FAILURES_IN_A_ROW:
                unsent.append(trial.number)
                continue
            try:
                if trial.number not in ledger.trials:
                    ledger.trials[trial.number] = new_run(to, trial)
                    remember()
                on_front = trial.number in table.front
                sent = ledger.trials[trial.number]
                send_trial(to, trial, sent, on_front=on_front, remember=remember)
                remember()
            except Exception as error:  # noqa: BLE001 - the same
                in_a_row += 1
                unsent.append(trial.number)
                reason = reason or f"trial {trial.number}: {_said(error)}"
            else:
                in_a_row = 0
        ledger.save(self.folder / LEDGER)
        return Backlog(tuple(unsent), in_a_row == _FAILURES_IN_A_ROW, reason)

    def _remember(self, ledger: Ledger) -> None:
        began = time.monotonic()
        if began >= self._ledger_due:
            ledger.save(self.folder / LEDGER)
            now = time.monotonic()
            self._ledger_due = now + (now - began) / _LEDGER_SHARE


def _settled(trial: TrialRecord, ledger: Ledger, table: Table) -> bool:
    on_front = trial.number in table.front
    return is_settled(trial, ledger.trials.get(trial.number), on_front=on_front)


def _said(error: Exception) -> str:
    """The first line of an error, short enough for one line of a terminal."""
    first = server_name((str(error).splitlines() or [""])[0])
    return f"{type(error).__name__}: {first}"[:_LONGEST_REASON]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes' mirrors of the same sweep out: two would make every run twice."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("another process is sending this sweep to MLflow") from None
        yield
