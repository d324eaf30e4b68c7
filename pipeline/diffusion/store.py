"""A content-addressed store of tensors: work that does not change is done once.

Several processes may write at once: a file appears whole or not at all, and the first one stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_READABLE = 0o644
"""The store is shared; temporary files are private."""


class Store:
    """Tensors under the hash of what they were made from.

    Args:
        root: folder; made when the first tensors are put.
        behind: another one that is read where this one has nothing, and never written to.
    """

    def __init__(self, root: Path, behind: Store | None = None) -> None:
        self.root = root
        self._behind = behind

    def get(self, key: Mapping[str, Any]) -> dict[str, Tensor] | None:
        """The tensors of a key, or None if there are none or the file is damaged."""
        own = self._own(key)
        return own if own is not None or self._behind is None else self._behind.get(key)

    def has(self, key: Mapping[str, Any]) -> bool:
        """Whether there are tensors of a key that `get` would give."""
        return self.get(key) is not None

    def put(self, key: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Store tensors unless the key has some already; returns those that are stored."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        handle, partial = tempfile.mkstemp(dir=path.parent, suffix=".partial")
        os.close(handle)
        try:
            save_file(plain, partial, {"key": _canonical(key), "digest": digest_of(plain)})
            Path(partial).chmod(_READABLE)
            # A link fails where the name is taken: the first writer wins, and all readers agree.
            os.link(partial, path)
        except FileExistsError:
            return self._own(key) or plain
        finally:
            Path(partial).unlink(missing_ok=True)
        return plain

    def _own(self, key: Mapping[str, Any]) -> dict[str, Tensor] | None:
        path = self._path(key)
        try:
            with safe_open(path, "pt") as file:
                # The library opens a handle that only lists names through its own method.
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                metadata = file.metadata() or {}
        except FileNotFoundError:
            return None
        except SafetensorError:
            path.unlink(missing_ok=True)
            return None
        if metadata.get("digest") != digest_of(tensors):
            path.unlink(missing_ok=True)
            return None
        return tensors

    def _path(self, key: Mapping[str, Any]) -> Path:
        name = hashlib.sha256(_canonical(key).encode()).hexdigest()
        return self.root / name[:2] / f"{name}.safetensors"


def _canonical(key: Mapping[str, Any]) -> str:
    return json.dumps(key, sort_keys=True, separators=(",", ":"))


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors on the CPU: their names, kinds, shapes and bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        # As bytes: NumPy knows no bfloat16.
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
