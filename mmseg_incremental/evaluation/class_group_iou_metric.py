"""Mean IoU per group of classes."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine.dist import all_gather_object, all_reduce
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS

from .detail import EvaluationDetail

_SMALLEST, _LARGEST = -1, 256  # what labels are clamped to: one less and one more than a byte
_NUM_ROWS = _LARGEST - _SMALLEST + 1


@METRICS.register_module()
class ClassGroupIoUMetric(BaseMetric):
    """Mean IoU per class group, with and without background, IoU per class, pixel accuracy.

    A confusion matrix of whole numbers is summed over all pictures and processes, so the result
    does not depend on the order of the pictures or on the number of processes. All values are
    percentages, unrounded. A class in neither labels nor predictions has no IoU (NaN) and is
    left out of the means.

    The keys are ``mIoU/GROUP``, ``mIoU_bg/GROUP`` (groups that count the background),
    ``IoU/CLASS`` and ``aAcc`` (share of correct pixels).

    Args:
        groups: Group name to channels, background left out.
        background_groups: Group name to channels, background counted where it belongs.
        ignore_index: Label that is not evaluated, 0 to 255.
        measured: Channels that the labels tell apart; the others are one to the accuracy and have
            no IoU. Defaults to all.
        **kwargs: Everything else that ``BaseMetric`` takes.

    Attributes:
        detail: After :meth:`evaluate` the confusion matrix, and the IoU of every picture.

    Raises:
        ValueError: If a group is empty or ``ignore_index`` is not a byte.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[int]],
        background_groups: Mapping[str, Sequence[int]],
        ignore_index: int = 255,
        measured: Sequence[int] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        for name, channels in [*groups.items(), *background_groups.items()]:
            if not len(channels):
                raise ValueError(f'group {name!r} has no channel')
        if not 0 <= ignore_index <= 255:
            raise ValueError(f'ignore_index={ignore_index}: must be 0 to 255')
        self.groups = dict(groups)
        self.background_groups = dict(background_groups)
        self.ignore_index = ignore_index
        self.measured = None if measured is None else list(measured)
        self.detail: EvaluationDetail | None = None
        self._pictures: dict[str, torch.Tensor] = {}

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Add pictures to the counts.

        Everything is counted and kept on the device of the predictions, with one ``bincount``
        per picture.

        Args:
            data_batch: Not used.
            data_samples: Dicts with ``pred_sem_seg`` and ``gt_sem_seg``, whose ``data`` have
                shape (1, H, W).

        Raises:
            ValueError: If a label or a prediction is not among the classes; the message names
                the picture. Of pictures on an accelerator :meth:`evaluate` says so.
        """
        if not data_samples:
            return
        num_classes = len(self.dataset_meta['classes'])
        pictures = [sample.get('img_path', 'a picture') for sample in data_samples]
        found = [self._count(self._codes(sample)) for sample in data_samples]
        for picture, counts in zip(pictures, found, strict=True):
            if counts.device.type == 'cpu' and self._any_outside(counts):
                raise ValueError(f'{picture}: {_outside(num_classes)}')
        for picture, counts in zip(pictures, found, strict=True):
            matrix = self._of_classes(counts, num_classes)
            hits, shown = matrix.diagonal(), matrix.sum(1)
            self._pictures[picture] = torch.stack([hits, shown, shown + matrix.sum(0) - hits])
            if self.results:
                self.results[0] += counts
            else:
                self.results.append(counts)

    def evaluate(self, size: int) -> dict[str, float]:
        """Sum over processes and compute the metrics.

        Args:
            size: Not used; nothing is padded, so nothing is cut.

        Returns:
            Metric name to percentage.

        Raises:
            ValueError: If a label or a prediction was not among the classes.
        """
        num_classes = len(self.dataset_meta['classes'])
        empty = torch.zeros(_NUM_ROWS, num_classes + 2, dtype=torch.int64)
        counts = self.results[0] if self.results else empty
        all_reduce(counts)
        self.results.clear()
        if self._any_outside(counts):
            raise ValueError(_outside(num_classes))
        matrix = self._of_classes(counts, num_classes)
        self.detail = EvaluationDetail(
            tuple(self.dataset_meta['classes']), matrix.cpu().numpy(), self._picture_iou()
        )
        return self.compute_metrics([matrix])

    def _picture_iou(self) -> dict[str, dict[int, float]]:
        """IoU (%) of what each picture shows, of all processes."""
        names, counts = list(self._pictures), list(self._pictures.values())
        self._pictures.clear()
        if not names:
            values = []
        else:
            hits, shown, union = torch.stack(counts).cpu().numpy().transpose(1, 0, 2)
            iou = 100 * hits / np.maximum(union, 1)
            values = [
                {int(k): float(row[k]) for k in np.flatnonzero(there)}
                for row, there in zip(iou, shown, strict=True)
            ]
        found = all_gather_object(dict(zip(names, values, strict=True)))
        return {name: iou for part in found for name, iou in part.items()}

    def _of_classes(self, counts: torch.Tensor, num_classes: int) -> torch.Tensor:
        """Without void: rows are labels, columns predictions."""
        matrix = counts[-_SMALLEST : num_classes - _SMALLEST, 1:-1].clone()
        if self.ignore_index < num_classes:
            matrix[self.ignore_index] = 0
        return matrix

    def _codes(self, sample: Mapping) -> torch.Tensor:
        """Row and column of every pixel's place in the counts, as one number.

        Rows are labels, void and labels outside of the classes too, columns are predictions; the
        first and the last of both take everything beyond. So neither void nor wrong values need a
        look before they are counted.
        """
        predicted, label = sample['pred_sem_seg']['data'], sample['gt_sem_seg']['data']
        num_classes = len(self.dataset_meta['classes'])
        width = num_classes + 2
        # what has fewer bytes is counted faster
        fits = _NUM_ROWS * width <= torch.iinfo(torch.int16).max
        dtype = torch.int16 if fits else torch.int32
        columns = _clamped(predicted, num_classes, dtype).flatten()
        rows = _clamped(label.to(predicted.device), _LARGEST, dtype).flatten()
        first = -_SMALLEST * (width + 1)
        return torch.add(columns, rows, alpha=width).add_(first)

    def _count(self, codes: torch.Tensor) -> torch.Tensor:
        width = len(self.dataset_meta['classes']) + 2
        return torch.bincount(codes, minlength=_NUM_ROWS * width).view(_NUM_ROWS, width)

    def _any_outside(self, counts: torch.Tensor) -> bool:
        """Whether pixels other than void have a label or a prediction outside of the classes."""
        num_classes = counts.shape[1] - 2
        wrong = counts.clone()
        wrong[self.ignore_index - _SMALLEST] = 0
        wrong[-_SMALLEST : num_classes - _SMALLEST, 1:-1] = 0
        return bool(wrong.any())

    def compute_metrics(self, results: Sequence[torch.Tensor]) -> dict[str, float]:
        """Metrics of a confusion matrix.

        Args:
            results: One matrix of shape (K, K); rows are labels, columns predictions.

        Returns:
            Metric name to percentage.
        """
        matrix = results[0].cpu().numpy()
        hits = np.diag(matrix)
        union = matrix.sum(0) + matrix.sum(1) - hits
        with np.errstate(invalid='ignore', divide='ignore'):
            iou = 100 * hits / union
            right = hits.sum()
            if self.measured is not None:
                others = np.setdiff1d(np.arange(len(matrix)), self.measured)
                right = hits[self.measured].sum() + matrix[np.ix_(others, others)].sum()
                iou[others] = np.nan
            accuracy = 100 * right / matrix.sum()
        metrics = {f'mIoU/{name}': _mean(iou[list(c)]) for name, c in self.groups.items()}
        for name, channels in self.background_groups.items():
            metrics[f'mIoU_bg/{name}'] = _mean(iou[list(channels)])
        for name, value in zip(self.dataset_meta['classes'], iou, strict=True):
            metrics[f'IoU/{name}'] = float(value)
        metrics['aAcc'] = float(accuracy)
        return metrics


def _clamped(values: torch.Tensor, largest: int, dtype: torch.dtype) -> torch.Tensor:
    if values.dtype == torch.uint8:  # cannot be clamped to -1
        return values.to(dtype).clamp_(max=largest)
    return values.clamp(_SMALLEST, largest).to(dtype)


def _outside(num_classes: int) -> str:
    return f'label or prediction outside the {num_classes} classes'


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float('nan')
