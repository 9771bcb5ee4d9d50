"""The mixed precision that a machine is good at."""

import torch
from mmengine.config import Config

from ..errors import InputError

#: Instructions on bfloat16; without them PyTorch converts to float32 and back, which is slower.
_CPU_INSTRUCTIONS = ('avx512_bf16', 'amx_bf16', 'bf16', 'sve_bf16')


def use_mixed_precision(cfg: Config) -> None:
    """Let the optimiser wrapper train in the machine's mixed precision.

    Args:
        cfg: Config of the sequence; its ``optim_wrapper`` is changed in place.

    Raises:
        InputError: If the machine has none.
    """
    for key in ('loss_scale', 'dtype'):
        cfg.optim_wrapper.pop(key, None)
    cfg.optim_wrapper.update(mixed_precision_wrapper())


def mixed_precision_wrapper() -> dict:
    """Choose the optimiser wrapper for this machine.

    Returns:
        ``type`` and arguments: bfloat16 on a GPU or CPU that computes in it, float16 with a
        dynamic scale of the loss on any other GPU.

    Raises:
        InputError: If there is no GPU and the CPU does not compute in bfloat16.
    """
    if torch.cuda.is_available():
        # PyTorch also says yes to GPUs that have to emulate it, which is slower than float32
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return dict(type='Bfloat16OptimWrapper')
        return dict(type='AmpOptimWrapper', loss_scale='dynamic', dtype='float16')
    if cpu_computes_in_bfloat16():
        return dict(type='Bfloat16OptimWrapper')
    raise InputError(
        '--amp needs a GPU, or a CPU with bfloat16 instructions; there is no GPU, and this CPU '
        f'has none of {", ".join(_CPU_INSTRUCTIONS)}. Train without --amp'
    )


def cpu_computes_in_bfloat16() -> bool:
    """Whether the CPU has instructions for bfloat16."""
    capabilities = _cpu_capabilities()
    return any(capabilities.get(name, False) for name in _CPU_INSTRUCTIONS)


def _cpu_capabilities() -> dict[str, object]:
    if hasattr(torch.cpu, 'get_capabilities'):
        return dict(torch.cpu.get_capabilities())
    # torch 2.11 tells of x86 only, and by a private function
    told = getattr(torch.cpu, '_is_avx512_bf16_supported', bool)
    return {'avx512_bf16': told()}
