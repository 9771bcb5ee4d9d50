"""Whether ``torch.compile`` works on this machine."""

import torch


def compile_error(device: torch.device) -> str | None:
    """Compile a few operations, as a test of all that ``torch.compile`` needs.

    Args:
        device: Where to run them.

    Returns:
        Why it failed, such as without a compiler for C++; None if it works.
    """
    try:
        torch.compile(_sample)(torch.ones(64, device=device))
    except Exception as error:  # compilers, headers and libraries are missing in many ways
        return str(error).strip().split('\n')[0]
    return None


def _sample(values: torch.Tensor) -> torch.Tensor:
    return values.sin() + values.cos()
