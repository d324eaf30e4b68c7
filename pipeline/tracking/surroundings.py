"""What a picture's last bits depend on besides the model: where it was computed."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from pipeline.diffusion.load import fastest_device


def surroundings() -> dict[str, str]:
    """Device, processor and threads with which this process draws.

    On a CPU, where all of them and the libraries' versions are the same, a picture is the same to
    the bit.
    """
    if fastest_device().type == "cuda":
        return {"device": torch.cuda.get_device_name(), "cuda": str(torch.version.cuda)}
    return {
        "device": "cpu",
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
