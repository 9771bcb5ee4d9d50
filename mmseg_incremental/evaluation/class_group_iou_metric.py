"""Mean IoU per group of classes."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS


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
        ignore_index: Label that is not evaluated.
        **kwargs: Everything else that ``BaseMetric`` takes.

    Raises:
        ValueError: If a group is empty.
    """

    def __init__(
        self,
        groups: Mapping[str, Sequence[int]],
        background_groups: Mapping[str, Sequence[int]],
        ignore_index: int = 255,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        for name, channels in [*groups.items(), *background_groups.items()]:
            if not len(channels):
                raise ValueError(f'group {name!r} has no channel')
        self.groups = dict(groups)
        self.background_groups = dict(background_groups)
        self.ignore_index = ignore_index

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Add pictures to the confusion matrix.

        Args:
            data_batch: Not used.
            data_samples: Dicts with ``pred_sem_seg`` and ``gt_sem_seg``, whose ``data`` have
                shape (1, H, W).

        Raises:
            ValueError: If a label or a prediction is not among the classes.
        """
        size = len(self.dataset_meta['classes'])
        if not self.results:
            self.results.append(torch.zeros(size, size, dtype=torch.int64))
        for sample in data_samples:
            predicted = sample['pred_sem_seg']['data'].flatten().to('cpu', torch.int64)
            label = sample['gt_sem_seg']['data'].flatten().to('cpu', torch.int64)
            kept = label != self.ignore_index
            label, predicted = label[kept], predicted[kept]
            found = torch.cat([label, predicted])
            if len(found) and not 0 <= found.min() <= found.max() < size:
                raise ValueError(
                    f'{sample.get("img_path", "a picture")}: label or prediction outside the '
                    f'{size} classes'
                )
            counts = torch.bincount(label * size + predicted, minlength=size * size)
            self.results[0] += counts.view(size, size)

    def evaluate(self, size: int) -> dict[str, float]:
        """Sum over processes and compute the metrics.

        Args:
            size: Not used; nothing is padded, so nothing is cut.

        Returns:
            Metric name to percentage.
        """
        num_classes = len(self.dataset_meta['classes'])
        empty = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        matrix = self.results[0] if self.results else empty
        all_reduce(matrix)
        self.results.clear()
        return self.compute_metrics([matrix])

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
            accuracy = 100 * hits.sum() / matrix.sum()
        metrics = {f'mIoU/{name}': _mean(iou[list(c)]) for name, c in self.groups.items()}
        for name, channels in self.background_groups.items():
            metrics[f'mIoU_bg/{name}'] = _mean(iou[list(channels)])
        for name, value in zip(self.dataset_meta['classes'], iou, strict=True):
            metrics[f'IoU/{name}'] = float(value)
        metrics['aAcc'] = float(accuracy)
        return metrics


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else float('nan')
