"""What the process tells its libraries before they are imported."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Final

_SETTINGS: Final = {
    # Nothing is reported to anybody.
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Notes about an absent torchvision, which nothing here uses, would bury a verb's own lines.
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    # Trials fork after a tokenizer was used; its threads would not survive that.
    "TOKENIZERS_PARALLELISM": "false",
}


def prepare_environment() -> None:
    """Set what the user has not set; child processes and trials inherit it."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    # That a kernel which nothing here uses is not there reads like a fault.
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    # What libraries will change some day is for developers, who see it in the tests.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(diffusers|transformers)\b")
