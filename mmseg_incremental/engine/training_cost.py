"""What the training of a step took."""

import resource
import sys

import torch
from mmengine.runner import Runner
from torch import nn

_TIMES = 'train/time'
_MIB = 2**20


def training_cost(runner: Runner, model: nn.Module) -> dict[str, float | int | None]:
    """Time, memory and size of a training that has ended.

    Args:
        runner: MMEngine's runner after its last iteration.
        model: The network.

    Returns:
        ``seconds`` of all iterations, data loading included and evaluations left out, also those
        before an interruption (None if ``IterTimerHook`` is off); ``peak_memory_mib``, on a GPU
        what PyTorch allocated, else the resident set of the process; ``parameters`` and
        ``trainable_parameters``, their numbers.
    """
    history = runner.message_hub.log_scalars.get(_TIMES)
    sizes = [(value.numel(), value.requires_grad) for value in model.parameters()]
    return dict(
        seconds=None if history is None else float(history.data[0].sum()),
        peak_memory_mib=_peak_memory() / _MIB,
        parameters=sum(size for size, _ in sizes),
        trainable_parameters=sum(size for size, learns in sizes if learns),
    )


def _peak_memory() -> float:
    """Bytes."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == 'darwin' else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
