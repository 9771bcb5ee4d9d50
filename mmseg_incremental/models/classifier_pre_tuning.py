"""New classifiers made of old ones, as NeST tunes them before a step trains."""

from torch import Tensor


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
