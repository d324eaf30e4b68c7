"""The Ray cluster that a sweep runs on: its own on this machine, or one that is there already."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import ray
from ray._private import ray_constants

from pipeline.config import ScalingConfig

_SETTINGS: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # Relative paths in an experiment mean what they meant where the sweep was started.
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # The older of Tune's two ways to print is the one that can be silenced.
    "RAY_AIR_NEW_OUTPUT": "0",
    # Tune's own snapshots are never restored: the study and the trials' folders are.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    # How long a worker may take to end a trial before it is given the next one.
    "TUNE_FUNCTION_THREAD_TIMEOUT_S": "20",
}
_OBJECT_STORE_BYTES: Final = 128 * 2**20
"""Only small results travel through Ray; pictures and weights are files."""


@contextmanager
def ray_session() -> Iterator[None]:
    """Connect to the cluster of $RAY_ADDRESS, or run one on this machine's loopback.

    Raises:
        ValueError: there is no cluster at $RAY_ADDRESS.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    _quieten()
    if ray.is_initialized():
        yield
        return
    if os.environ.get("RAY_ADDRESS"):
        _connect()
    else:
        _start()
    try:
        yield
    finally:
        ray.shutdown()


def concurrency(scaling: ScalingConfig, wanted: int | None) -> int:
    """Trials at a time: as many as wanted, or as the cluster holds.

    Raises:
        ValueError: the cluster doesn't hold a single trial, and has no autoscaler to grow.
    """
    have = ray.cluster_resources()
    need = {
        "CPU": float(scaling.workers * scaling.cpus_per_worker),
        "GPU": scaling.workers * scaling.gpus_per_worker,
    }
    fitting = [int(have.get(name, 0) / share) for name, share in need.items() if share > 0]
    if min(fitting) == 0 and not os.environ.get("RAY_ADDRESS"):
        raise ValueError(
            f"scaling: expected a trial that this machine holds, got one that wants "
            f"{need['CPU']:g} CPUs and {need['GPU']:g} GPUs; it has {have.get('CPU', 0):g} and "
            f"{have.get('GPU', 0):g}: lower workers, cpus_per_worker or gpus_per_worker"
        )
    fits = max(1, min(fitting))
    if wanted is None:
        return fits
    # A cluster may grow; on this machine a trial too many would wait for cores, and be said to run.
    return wanted if os.environ.get("RAY_ADDRESS") else min(wanted, fits)


def worker_resources(scaling: ScalingConfig) -> dict[str, float]:
    """What Ray sets aside for one worker of a trial."""
    resources: dict[str, float] = {"CPU": scaling.cpus_per_worker}
    if scaling.gpus_per_worker > 0:
        resources["GPU"] = scaling.gpus_per_worker
    return resources


def largest_node_cores() -> int:
    """The most CPUs that a single machine of the cluster has."""
    return max((int(node["Resources"].get("CPU", 0)) for node in ray.nodes()), default=0)


def _start() -> None:
    # As on Windows and macOS, where Ray runs on one machine only: every port is then bound to
    # loopback. Otherwise it replaces 127.0.0.1 by the machine's address and listens everywhere.
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    clusters_before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        # $RAY_AUTH_MODE stays as it is: where it is unset, Ray itself asks for a token in a cluster
        # of its own. Set after `import ray`, it would reach the servers but not this process.
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=_OBJECT_STORE_BYTES,
            _node_ip_address="127.0.0.1",
        )
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = clusters_before
        del os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"]


def _connect() -> None:
    try:
        ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    except ConnectionError as error:
        raise ValueError(
            f"RAY_ADDRESS: expected a running Ray cluster at {os.environ['RAY_ADDRESS']}, got: "
            f"{error}; start it, or unset RAY_ADDRESS to run on this machine"
        ) from error


def _quieten() -> None:
    # A failed trial is shown in the sweep's own view, with its reason.
    for name in ("ray", "ray.tune", "ray.train", "ray.air", "ray._private"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
