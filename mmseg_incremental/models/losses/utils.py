"""What several losses share: precision, old labels, weights, averages and shape checks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...errors import InputError


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


def read_old_labels(target: Tensor, num_old: int, ignore_index: int, old_labels: str) -> Tensor:
    """Return the labels as an unbiased loss reads them.

    Args:
        target: Labels (N, H, W), int64. Left as they are.
        num_old: Number of old channels, background included.
        ignore_index: Label of the pixels that do not count; they keep it.
        old_labels: ``'background'`` reads a label of an old class as background, ``'kept'`` as
            that class.

    Returns:
        Labels (N, H, W).

    Raises:
        InputError: If ``old_labels`` is neither.
    """
    check_old_labels(old_labels)
    if old_labels == 'kept':
        return target
    return merge_old_labels(target, num_old, ignore_index)


def check_old_labels(old_labels: str) -> None:
    """Check how an unbiased loss is to read labels of old classes.

    Raises:
        InputError: If it is neither ``'background'`` nor ``'kept'``.
    """
    if old_labels not in ('background', 'kept'):
        raise InputError(
            f"old_labels must be 'background' or 'kept', as an unbiased loss reads labels of old "
            f'classes, not {old_labels!r}'
        )


def class_factor(
    class_weight: Sequence[float], labels: Tensor, ignore_index: int, dtype: torch.dtype
) -> Tensor:
    """Factor of every pixel, from a factor per channel.

    Args:
        class_weight: Factors of the channels, background first; those of channels to come may
            follow.
        labels: Labels (N, H, W), int64.
        ignore_index: Label of the pixels that do not count.
        dtype: Of the factors.

    Returns:
        Factors (N, H, W); that of a pixel that does not count is the background's.

    Raises:
        IndexError: If a label has no factor.
    """
    table = torch.tensor(class_weight, dtype=dtype, device=labels.device)
    return table[labels.masked_fill(labels == ignore_index, 0)]


def apply_weight(loss: Tensor, weight: Tensor) -> Tensor:
    """Multiply a loss map by factors.

    Args:
        loss: Loss per pixel (N, H, W).
        weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).

    Returns:
        Loss (N, H, W), of the precision that it had.

    Raises:
        ValueError: If the weight has another shape.
    """
    pictures = (len(loss), 1, 1)
    if tuple(weight.shape) not in (tuple(loss.shape), pictures):
        raise ValueError(
            f'weight must have one value per pixel, shape {tuple(loss.shape)}, or one per '
            f'picture, shape {pictures}, but has shape {tuple(weight.shape)}'
        )
    return loss * weight.to(loss.dtype)


def pixel_divisor(target: Tensor, ignore_index: int, avg_non_ignore: bool) -> int | Tensor:
    """Number of pixels that a sum over pixels is divided by.

    Args:
        target: Labels (N, H, W).
        ignore_index: Label of the pixels that do not count.
        avg_non_ignore: Count the valid pixels instead of all pixels.

    Returns:
        A number or, so as not to wait for an accelerator, a scalar, float64; at least 1, since a
        crop that holds only void would otherwise give 0 / 0.
    """
    if not avg_non_ignore:
        return target.numel()
    return (target != ignore_index).sum(dtype=torch.float64).clamp(min=1)


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
        weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).

    Returns:
        Scalar; exactly 0 if every pixel is ignored.

    Raises:
        ValueError: If the weight has another shape.
    """
    if weight is not None:
        loss = apply_weight(loss, weight)
    mean = loss.sum() / pixel_divisor(target, ignore_index, avg_non_ignore)
    return mean.to(loss.dtype)


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
