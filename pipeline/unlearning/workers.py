"""One worker or many: what a training step needs to know of the others.

Every loss is a sum over a worker's rows divided by the joint batch, and gradients are summed over
workers *before* any inner product: projecting on each worker and averaging afterwards would
conflict with the joint gradients.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.diffusion.pulse import at_rest


@dataclass(frozen=True)
class Workers:
    """This worker's place among those that train together.

    Attributes:
        rank: this worker, from 0.
        count: of all workers; with more than one, torch.distributed is initialised.
        sharded: whether each holds a part of the parameters that move, else all of them.
    """

    rank: int = 0
    count: int = 1
    sharded: bool = False

    @property
    def leads(self) -> bool:
        """Whether this worker writes files and reports."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This worker's rows of a joint batch."""
        start = batch * self.rank // self.count
        return slice(start, batch * (self.rank + 1) // self.count)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over workers in every backward pass."""
        averages = self.count == 1 or self.sharded  # FSDP's modules do so themselves
        return module if averages else DistributedDataParallel(module)

    def mean_loss(self, losses: Tensor, joint_batch: int) -> Tensor:
        """A worker's part of the joint mean, scaled so that averaged gradients are the joint ones.

        Args:
            losses: of this worker's rows, (rows,).
            joint_batch: rows of all workers.
        """
        return losses.sum() * (self.count / joint_batch)

    def averaged(self, value: Tensor) -> Tensor:
        """A detached scalar averaged over workers."""
        value = value.detach().clone()
        if self.count > 1:
            dist.all_reduce(value)
            value /= self.count
        return value

    def summed(self, value: Tensor) -> Tensor:
        """A few sums over what this worker holds, over all of it: of parts, summed over workers."""
        if self.sharded:
            dist.all_reduce(value)
        return value

    def wait(self) -> None:
        """Wait until every worker is here."""
        if self.count > 1:
            with at_rest():  # one of them may be judging, and is watched itself
                dist.barrier()


def workers_of_this_process() -> Workers:
    """The workers torch.distributed was initialised with, or a single one."""
    if dist.is_available() and dist.is_initialized():
        return Workers(dist.get_rank(), dist.get_world_size())
    return Workers()


ALONE = Workers()
"""A training in one process."""
