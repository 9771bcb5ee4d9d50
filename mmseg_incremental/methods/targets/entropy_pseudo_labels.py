"""Pseudo-labels of PLOP: background pixels of which the old model is certain take its class."""

import math

import torch
from mmseg.registry import TASK_UTILS
from torch import Tensor

from ...errors import InputError
from ...models.labelled_batch import LabelledBatch, Targets
from ...models.losses.utils import at_least_float32, check_old_labels, read_old_labels

#: Added to a probability before its logarithm is taken, by the authors' code.
CODE_EPSILON = 1e-8


def code_entropy_scale(num_old: int, num_classes: int) -> float:
    """Factor of the entropy in PLOP's code: 1 / (K ln(K + 1e-8) ln C).

    The code takes the mean over the K old channels, not the sum, and divides by ln K and by ln C,
    so that its entropies are 1 / (K ln C) at most.

    Args:
        num_old: Number K of old channels, background included.
        num_classes: Number C of channels of the step.

    Returns:
        The factor of the entropy in nats.
    """
    return 1 / (num_old * math.log(num_old + CODE_EPSILON) * math.log(num_classes))


def normalised_entropy(
    logits: Tensor, scale: float | Tensor = 1.0, epsilon: float | Tensor = 0.0
) -> Tensor:
    r"""Compute :math:`-s \sum_c q_c \ln(q_c + \epsilon)` of every pixel, q the softmax.

    Args:
        logits: Logits (N, K, H, W).
        scale: Factor s; 1 gives nats.
        epsilon: Added to the probabilities before the logarithm; 0 is the entropy itself.

    Returns:
        Entropies (N, H, W), float32 or float64.
    """
    prob = at_least_float32(logits).softmax(1)
    return -scale * torch.xlogy(prob, prob + epsilon).sum(1)


def entropy_pseudo_labels(
    labels: Tensor,
    old_logits: Tensor,
    thresholds: Tensor,
    scale: float | Tensor = 1.0,
    epsilon: float | Tensor = 0.0,
    ignore_index: int = 255,
    old_labels: str = 'background',
) -> tuple[Tensor, Tensor]:
    r"""Label the background by the old model where its entropy is below its class's threshold.

    A background pixel whose most probable old class c has an entropy :math:`u < \tau_c` becomes c,
    which may be the background; any other background pixel is ignored. Pixels of new classes and
    ignored ones stay.

    Source: Douillard et al., *PLOP: Learning without Forgetting for Continual Semantic
    Segmentation*, CVPR 2021, section 3.3; the factor per picture from its code.

    Args:
        labels: Labels (N, H, W), int64. Left as they are.
        old_logits: Logits of the old model (N, K, H, W).
        thresholds: Threshold of every old class, K values or more.
        scale: As in :func:`normalised_entropy`; the thresholds have the same.
        epsilon: As in :func:`normalised_entropy`.
        ignore_index: Label of the pixels that do not count.
        old_labels: How a label of an old class is read: ``'background'``, as in the authors' code,
            or ``'kept'``, for remembered pictures.

    Returns:
        Labels (N, H, W), and the factor of every picture (N,): the share of its background pixels
        that were given a class, n / (number of background pixels + 1e-6).

    Example:
        >>> old_logits = torch.tensor([[9.0, 0.0], [9.0, 9.1], [0.0, 9.0]]).T.reshape(1, 2, 1, 3)
        >>> made, share = entropy_pseudo_labels(
        ...     torch.tensor([[[0, 0, 0]]]), old_logits, torch.tensor([0.1, 0.1]))
        >>> made.tolist(), round(share.item(), 3)
        ([[[0, 255, 1]]], 0.667)
    """
    entropy = normalised_entropy(old_logits, scale, epsilon)
    predicted = old_logits.argmax(1)
    read = read_old_labels(labels, old_logits.shape[1], ignore_index, old_labels)
    background = read == 0
    certain = background & (entropy < thresholds.to(entropy)[predicted])
    made = torch.where(background, ignore_index, labels)
    made = torch.where(certain, predicted, made)
    count, total = (mask.flatten(1).sum(1).to(entropy.dtype) for mask in (certain, background))
    return made, count / (total + 1e-6)


@TASK_UTILS.register_module()
class EntropyPseudoLabels:
    """Targets of PLOP, see :func:`entropy_pseudo_labels`.

    The survey :class:`~..surveys.entropy_thresholds.EntropyThresholds` finds the thresholds and
    says how their entropies were computed, so the two cannot disagree.

    Args:
        old_labels: As in :func:`entropy_pseudo_labels`.

    Raises:
        InputError: If it is neither.
    """

    needs_survey = True
    #: Pixels of label 0 get an old class or are ignored, whatever it stands for.
    reads_any_old = True

    def __init__(self, old_labels: str = 'background') -> None:
        check_old_labels(old_labels)
        self.old_labels = old_labels

    def __call__(self, batch: LabelledBatch) -> Targets:
        """Make the labels of a batch.

        Args:
            batch: Its statistics hold ``thresholds``, ``entropy_scale`` and ``entropy_epsilon``.

        Returns:
            Labels (N, H, W) and the factor of every picture (N, 1, 1).

        Raises:
            InputError: If the statistics are missing.
        """
        found = batch.statistics
        missing = sorted({'thresholds', 'entropy_scale', 'entropy_epsilon'} - set(found))
        if missing:
            raise InputError(
                f"targets 'EntropyPseudoLabels' needs the statistics {missing}, which no survey "
                "found; give the method survey=dict(type='EntropyThresholds')"
            )
        device = batch.old_logits.device
        thresholds, scale, epsilon = (
            found[name].to(device) for name in ('thresholds', 'entropy_scale', 'entropy_epsilon')
        )
        made = [
            entropy_pseudo_labels(
                labels,
                logits[:, : batch.channels.num_old],
                thresholds,
                scale,
                epsilon,
                batch.ignore_index,
                self.old_labels,
            )
            for labels, logits in batch.pictures()
        ]
        labels, shares = zip(*made, strict=True)
        return Targets(torch.cat(labels), torch.cat(shares).view(-1, 1, 1))
