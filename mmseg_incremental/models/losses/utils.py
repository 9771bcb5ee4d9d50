"""What several losses share: precision, old labels, averages and shape checks."""

from collections.abc import Sequence

import torch
from torch import Tensor


def at_least_float32(tensor: Tensor) -> Tensor:
    """Return the tensor in float32 if it is float16 or bfloat16, and as it is otherwise.

    Sums of exponentials overflow in float16 and lose most digits in bfloat16.

    Args:
        tensor: Floating point, any shape.

    Returns:
        The same values in float32 or float64.
    """
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def merge_old_labels(target: Tensor, num_old: int, ignore_index: int) -> Tensor:
    """Return a copy of the labels in which every old class is background (0).

    Args:
        target: Labels (N, H, W), int64. Left as they are.
        num_old: Number of old channels, background included.
        ignore_index: Label of the pixels that do not count; they keep it.

    Returns:
        Labels (N, H, W).
    """
    # Negative labels are left alone, so that a broken label map fails in the loss.
    old = (target >= 0) & (target < num_old) & (target != ignore_index)
    return target.masked_fill(old, 0)


def class_factor(
    class_weight: Sequence[float], target: Tensor, num_old: int, ignore_index: int
) -> Tensor:
    """Factor of every pixel, from a factor per channel.

    Args:
        class_weight: Factors of the channels, background first; those of channels to come may
            follow.
        target: Labels (N, H, W), int64.
        num_old: Number of old channels, background included; they have the background's factor.
        ignore_index: Label of the pixels that do not count.

    Returns:
        Factors (N, H, W), float32; that of a pixel that does not count is the background's.

    Raises:
        IndexError: If a label has no factor.
    """
    table = torch.tensor(class_weight, dtype=torch.float32, device=target.device)
    labels = merge_old_labels(target, num_old, ignore_index)
    return table[labels.masked_fill(target == ignore_index, 0)]


def average_pixels(
    loss: Tensor,
    target: Tensor,
    ignore_index: int,
    avg_non_ignore: bool,
    weight: Tensor | None = None,
) -> Tensor:
    """Average a loss map in which ignored pixels are 0.

    As in MMSegmentation, a weight multiplies the pixels and leaves the divisor alone.

    Args:
        loss: Loss per pixel (N, H, W).
        target: Labels (N, H, W).
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Divide by the number of valid pixels instead of all pixels.
        weight: Factor per pixel (N, H, W).

    Returns:
        Scalar; exactly 0 if every pixel is ignored.

    Raises:
        ValueError: If the weight is not of shape (N, H, W).
    """
    if weight is not None:
        if weight.shape != loss.shape:
            raise ValueError(
                f'weight must have one value per pixel, shape {tuple(loss.shape)}, '
                f'but has shape {tuple(weight.shape)}'
            )
        loss = loss * weight.to(loss.dtype)
    if not avg_non_ignore:
        return loss.mean()
    # At least 1: a crop that holds only void would otherwise give 0 / 0.
    return loss.sum() / (target != ignore_index).sum().clamp(min=1)


def check_old_logits(logits: Tensor, old_logits: Tensor) -> None:
    """Check that old logits describe the same pixels and no class that the new logits lack.

    Args:
        logits: Logits of the student (N, C, H, W).
        old_logits: Logits of the old model (N, K, H, W), 1 <= K <= C.

    Raises:
        ValueError: If they do not.
    """
    new, old = tuple(logits.shape), tuple(old_logits.shape)
    if len(new) != 4 or len(old) != 4:
        raise ValueError(f'logits must have shape (N, C, H, W), not {new} (student), {old} (old)')
    if new[0] != old[0] or new[2:] != old[2:]:
        raise ValueError(
            'student and old logits must agree in pictures and pixels, but have shapes '
            f'{new} and {old}'
        )
    if not 1 <= old[1] <= new[1]:
        raise ValueError(
            f'the old model must have 1 to {new[1]} channels, as many as the student at most, '
            f'but has {old[1]}'
        )
