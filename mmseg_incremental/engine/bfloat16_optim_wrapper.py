"""Mixed precision in bfloat16, on any device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class Bfloat16OptimWrapper(OptimWrapper):
    """``OptimWrapper`` whose forward pass runs in bfloat16 where that is safe.

    ``train_step`` opens :meth:`optim_context` around the forward pass of the student and the old
    model and their losses. Parameters, gradients and the optimiser stay in float32. bfloat16 has
    the range of float32, so that, unlike in ``AmpOptimWrapper``, no loss is scaled.

    Args:
        **kwargs: Everything that ``OptimWrapper`` takes.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Open the precision, and what ``OptimWrapper`` opens to accumulate gradients.

        Args:
            model: The model; its device decides where the precision holds.
        """
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
