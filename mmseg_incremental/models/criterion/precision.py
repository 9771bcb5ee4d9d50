"""The precision in which losses are computed."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch


@contextmanager
def own_precision(device: str) -> Iterator[None]:
    """Compute in the precision of the operands, whatever was allowed elsewhere.

    Args:
        device: Type of the device, such as ``'cpu'``.
    """
    allowed = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision('highest')
    # autocast refuses a device without lower precisions even where it is switched off
    available = torch.amp.is_autocast_available(device)
    try:
        with torch.autocast(device, enabled=False) if available else nullcontext():
            yield
    finally:
        torch.set_float32_matmul_precision(allowed)
