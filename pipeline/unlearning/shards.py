"""Parameters that move, sharded over the workers (FSDP2): each keeps a part, and steps on it alone.

A block's parameters are gathered while it runs and let go after it, and each worker is given its
part of the block's gradient, averaged over all of them (Zhao et al. 2023, arXiv 2304.11277). All
that follows works on the parts, and asks the other workers for sums of inner products alone. What
is frozen stays whole: the student and its frozen teacher hold it once between them.

torch's word for a tensor of parts is `DTensor`; here only autograd and checkpoints see it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from pipeline.diffusion.trained import Trained
from pipeline.unlearning.workers import Workers


def shard(
    student: nn.Module, trained: Trained, workers: Workers, called_apart: str | None = None
) -> dict[str, nn.Parameter]:
    """Shard the parameters that move, block by block, in place.

    Args:
        student: whose forward pass gathers them.
        trained: its parts, and those of its parameters that move.
        workers: that share them.
        called_apart: see `Family`.

    Returns:
        What stands in the parameters' places, of which each worker has a part.
    """
    names = {id(parameter): name for name, parameter in student.named_parameters()}
    places = {name: names[id(p)] for name, p in trained.parameters.items()}
    for parameter in trained.parameters.values():
        # Parts are rows, one after the other in memory; channels may lie last.
        parameter.data = parameter.data.contiguous()
    device = next(iter(trained.parameters.values())).device
    mesh = init_device_mesh(device.type, (workers.count,))
    frozen = {parameter for parameter in student.parameters() if not parameter.requires_grad}
    inner = [block for part in trained.parts.values() for block in blocks(part, called_apart)]
    for block in (*inner, student):
        # The outermost's are let go, too: a pass that no backward pass follows would keep them, and
        # the next one take them for those of the moved parts.
        fully_shard(block, mesh=mesh, reshard_after_forward=True, ignored_params=frozen)
    return {name: student.get_parameter(place) for name, place in places.items()}


def blocks(network: nn.Module, called_apart: str | None = None) -> list[nn.Module]:
    """The parts of a network that are gathered one after the other, inner ones first.

    They are the blocks that the network's class names as not to be split over devices or, where it
    names none, the members of its outermost lists of modules. Frozen ones are left out.
    """
    named = dict(network.named_modules())
    lists = [f"{name}." for name, module in named.items() if isinstance(module, nn.ModuleList)]
    kinds = getattr(network, "_no_split_modules", None) or ()

    def is_block(name: str, module: nn.Module) -> bool:
        if called_apart is not None and re.search(called_apart, name):
            return True
        if kinds:
            return type(module).__name__ in kinds
        around = [each for each in lists if name.startswith(each)]
        return around == [f"{name.rpartition('.')[0]}."]

    found = [module for name, module in named.items() if is_block(name, module)]
    return [m for m in reversed(found) if any(p.requires_grad for p in m.parameters())]


def largest_block(network: nn.Module, called_apart: str | None = None) -> int:
    """Number of the parameters that move in the largest of `blocks`, or in what is around them."""
    counted: set[int] = set()
    sizes = []
    for block in (*blocks(network, called_apart), network):
        own = {id(p): p.numel() for p in block.parameters() if p.requires_grad}
        sizes.append(sum(size for place, size in own.items() if place not in counted))
        counted |= own.keys()
    return max(sizes)


def held(parameters: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
    """What this worker holds of each, to step on: a plain parameter in the same memory."""
    return {
        name: nn.Parameter(local(p.detach())) if isinstance(p, DTensor) else p
        for name, p in parameters.items()
    }


def local(tensor: Tensor) -> Tensor:
    """This worker's part of a sharded tensor, which may be empty; a plain tensor as it is."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def gathered(part: Tensor, parameter: nn.Parameter) -> Tensor:
    """The whole of what each worker holds a part of, on the CPU; all workers ask for it together.

    Args:
        part: shaped like this worker's part of a parameter, or anything else, which is no part.
        parameter: sharded or whole.
    """
    if not isinstance(parameter, DTensor) or part.shape != parameter.to_local().shape:
        return part
    whole = DTensor.from_local(
        part.detach(),
        parameter.device_mesh,
        parameter.placements,
        run_check=False,
        shape=parameter.shape,
        stride=parameter.stride(),
    )
    return whole.full_tensor().cpu()


def own_part(whole: Tensor, parameter: nn.Parameter) -> Tensor:
    """This worker's part of what `gathered` gave; nothing is sent."""
    if not isinstance(parameter, DTensor) or whole.shape != parameter.shape:
        return whole
    there = whole.to(parameter.device)
    with torch.no_grad():
        part = distribute_tensor(
            there, parameter.device_mesh, parameter.placements, src_data_rank=None
        )
    return local(part)
