"""New classifiers made of old ones, as NeST tunes them before a step trains."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .channels import Channels


def combine_rows(weight: Tensor, gates: Tensor, shares: Tensor) -> Tensor:
    r"""Compute new rows :math:`w_c = \sum_k P_{ck} (M_{ck} \odot w_k)` from old ones.

    Source: Xie et al., *Early Preparation Pays Off: New Classifier Pre-tuning for Class Incremental
    Semantic Segmentation*, ECCV 2024, section 3.2.

    Args:
        weight: Old rows w (K, D).
        gates: Factors M (n, K, D) of every value of every old row.
        shares: Shares P (n, K) of the old rows.

    Returns:
        New rows (n, D).
    """
    return (shares.unsqueeze(-1) * gates * weight).sum(1)


def match_norm(tuned: Tensor, old: Tensor) -> Tensor:
    """Scale a tuned row or bias so that its norm is that of the old one.

    Args:
        tuned: Tuned values, any shape.
        old: Old values, any shape.

    Returns:
        Values of the shape of ``tuned``.
    """
    return tuned * (old.norm() / tuned.norm())


def match_mean_row_norm(tuned: Tensor, old: Tensor) -> tuple[Tensor, Tensor]:
    """Scale tuned rows by one factor so that their mean norm is that of the old rows.

    Args:
        tuned: New rows (n, D).
        old: Old rows (K, D), the background's before it was tuned among them.

    Returns:
        Rows (n, D) and the factor.

    Example:
        >>> import torch
        >>> tuned, old = torch.tensor([[0.0, 2.0]]), torch.tensor([[3.0, 4.0]])
        >>> rows, factor = match_mean_row_norm(tuned, old)
        >>> rows.tolist(), factor.item()
        ([[0.0, 5.0]], 2.5)
    """
    factor = old.norm(dim=1).mean() / tuned.norm(dim=1).mean()
    return factor * tuned, factor


def class_gates(
    features: Tensor, logits: Tensor, labels: Tensor, weight: Tensor, channels: Channels
) -> tuple[Tensor, Tensor]:
    r"""Sum, over the pixels of every new class, how much each value of each old row speaks of it.

    Of a pixel with features x it is :math:`[x_d w_{kd} > 0] \cdot q_k`, q the softmax of the old
    logits. The mean over a class's pixels is where its gates M start.

    Source: as :func:`combine_rows`.

    Args:
        features: Features x of the old model (N, D, H, W).
        logits: Logits of the old classes (N, K, H, W).
        labels: Labels of the step (N, H, W), int64.
        weight: Old rows w (K, D).
        channels: Channels of the step, n of them new.

    Returns:
        Sums (n, K, D) and numbers of pixels (n,).
    """
    prob = logits.softmax(1).permute(0, 2, 3, 1).flatten(0, 2)
    pixels = features.permute(0, 2, 3, 1).flatten(0, 2)
    shown = labels.flatten()[:, None] == torch.arange(
        channels.num_old, channels.num_classes, device=labels.device
    )
    shown = shown.to(prob.dtype)
    # the sign of a product is that of its factors
    positive, negative = (
        torch.einsum('pc,pk,pd->ckd', shown, prob, side.to(prob.dtype))
        for side in (pixels > 0, pixels < 0)
    )
    return positive * (weight > 0) + negative * (weight < 0), shown.sum(0)


class PreTunedRows(nn.Module):
    """New rows as combinations of old ones, and the background's row, while they are tuned.

    Source: as :func:`combine_rows`. The new biases start from that of the background, as in the
    authors' code.

    Args:
        weight: Old rows (K, D).
        bias: Old biases (K,).
        gates: Where the gates M (n, K, D) start; the shares P start at the softmax of their sums.
    """

    def __init__(self, weight: Tensor, bias: Tensor, gates: Tensor) -> None:
        super().__init__()
        self.register_buffer('old', weight.detach().clone())
        self.register_buffer('old_bias', bias.detach().clone())
        self.gates = nn.Parameter(gates.detach().clone())
        self.shares = nn.Parameter(gates.detach().sum(2).softmax(1))
        self.bias = nn.Parameter(bias.detach()[:1].repeat(len(gates)))
        self.background_gates = nn.Parameter(torch.ones_like(weight[:1])[None])
        self.background_share = nn.Parameter(weight.new_ones(1, 1))

    def new(self) -> Tensor:
        """Rows of the new classes (n, D)."""
        return combine_rows(self.old, self.gates, self.shares)

    def background(self) -> Tensor:
        """Row of the background (D,)."""
        return combine_rows(self.old[:1], self.background_gates, self.background_share)[0]

    def forward(self, features: Tensor) -> Tensor:
        """Classify every pixel.

        Args:
            features: Features (N, D, H, W).

        Returns:
            Logits (N, K + n, H, W).
        """
        rows = torch.cat([self.background()[None], self.old[1:], self.new()])
        return F.conv2d(features, rows[..., None, None], torch.cat([self.old_bias, self.bias]))
