"""What a machine has for a sweep: trials at a time, and memory for each of their workers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.config import ScalingConfig

_UNITS: Final = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)},
}
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?i?B)")
_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True)
class Memory:
    """What one worker may use.

    Attributes:
        size: in bytes; None where nobody can tell.
        of: what it belongs to, in words.
    """

    size: int | None
    of: str


def amount(text: str) -> int:
    """Bytes of `24GB` or `24GiB`.

    Raises:
        ValueError: it is no amount.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or not float(found[1]):
        raise ValueError(f"--memory: expected an amount such as 24GB or 40GiB, got {text}")
    return int(float(found[1]) * _UNITS[found[2]])


def trials_at_once(scaling: ScalingConfig, wanted: int | None) -> int:
    """Trials at a time: as many as wanted, or as this machine's cores and GPUs hold; 1 at least.

    Args:
        scaling: what a trial gets.
        wanted: `budget.max_concurrent`.
    """
    if wanted is not None:
        return wanted
    if os.environ.get("RAY_ADDRESS"):
        return 1  # a cluster may grow: nobody knows how far
    fitting = (os.cpu_count() or 1) // (scaling.workers * scaling.cpus_per_worker)
    if scaling.gpus_per_worker > 0:
        import torch

        gpus = torch.cuda.device_count() / (scaling.workers * scaling.gpus_per_worker)
        fitting = min(fitting, int(gpus))
    return max(1, fitting)


def memory_of_a_worker(scaling: ScalingConfig, concurrent: int, given: int | None) -> Memory:
    """A GPU's memory where trials use one, else the machine's, divided among those that share it.

    Args:
        scaling: what a trial gets.
        concurrent: trials at a time, at least.
        given: bytes of one GPU or machine; looked up if None.
    """
    if scaling.gpus_per_worker > 0:
        size, of = (given, "the GPU as given") if given is not None else _gpu()
        share = min(1.0, scaling.gpus_per_worker)
        return Memory(None if size is None else int(size * share), of)
    if given is not None:
        return Memory(given, "what was given")
    if os.environ.get("RAY_ADDRESS"):
        return _smallest_node(scaling)
    together = concurrent * scaling.workers
    words = "this machine" if together == 1 else f"this machine, shared by {together}"
    return Memory(_installed() // together, words)


def _gpu() -> tuple[int | None, str]:
    import torch

    if os.environ.get("RAY_ADDRESS") or not torch.cuda.is_available():
        return None, "a GPU that this machine has not; say its memory with --memory 24GB"
    sizes = [
        torch.cuda.get_device_properties(number).total_memory
        for number in range(torch.cuda.device_count())
    ]
    return min(sizes), torch.cuda.get_device_name(sizes.index(min(sizes)))


def _smallest_node(scaling: ScalingConfig) -> Memory:
    """Of those of a running cluster on which a worker fits: what Ray gives away, by its cores."""
    import ray

    from pipeline.search.cluster import ray_session

    with ray_session():
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    found = [
        int(node["memory"] / max(1, int(node["CPU"]) // scaling.cpus_per_worker))
        for node in nodes
        if node.get("CPU", 0) >= scaling.cpus_per_worker and "memory" in node
    ]
    if not found:
        return Memory(None, "a cluster that has no machine yet; say its memory with --memory 24GB")
    return Memory(min(found), "the cluster's smallest machine, shared by its cores")


def _installed() -> int:
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    limits = [limit.read_text().strip() for limit in _LIMITS if limit.is_file()]
    return min([*sizes, *(int(limit) for limit in limits if limit.isdigit())])
