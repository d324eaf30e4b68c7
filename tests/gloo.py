"""Processes of one machine that train as workers do."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def one_of(count: int, rank: int, port: int) -> Iterator[None]:
    """Inside it this process, on one thread, is one of so many workers, which meet at a port."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), GLOO_SOCKET_IFNAME="lo")
    torch.distributed.init_process_group("gloo", rank=rank, world_size=count)
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()
