"""What the losses of a batch learn from, pixel by pixel."""

import copy
from dataclasses import dataclass, field

import torch
from mmengine.structures import PixelData
from mmseg.utils import SampleList
from torch import Tensor

from .pixel_maps import stack_pixel_map


@dataclass(frozen=True)
class PixelBatch:
    """Labels, weights and maps of a batch, as the criterion takes them.

    Args:
        samples: N samples whose ``gt_sem_seg`` (1, H, W) are the labels to learn, with ``gt_NAME``
            for every map NAME that a loss may take.
        target: The same labels as one tensor (N, H, W), int64.
        weight: Factor of the segmentation loss of every pixel (N, H, W), or of every picture
            (N, 1, 1); it leaves the divisors alone. None is 1.
    """

    samples: SampleList
    target: Tensor
    weight: Tensor | None = None
    _maps: dict[str, Tensor | None] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_samples(cls, samples: SampleList, weight: Tensor | None = None) -> 'PixelBatch':
        """Make the batch of some samples.

        Args:
            samples: N samples with ``gt_sem_seg`` (1, H, W).
            weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).

        Returns:
            The batch.
        """
        return cls(samples, torch.stack([sample.gt_sem_seg.data[0] for sample in samples]), weight)

    def relabelled(self, labels: Tensor, weight: Tensor | None) -> 'PixelBatch':
        """The same pictures with other labels; the samples of this batch keep theirs.

        Args:
            labels: Labels (N, H, W), int64.
            weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).

        Returns:
            The batch.
        """
        samples = [copy.copy(sample) for sample in self.samples]
        for sample, label in zip(samples, labels, strict=True):
            sample.gt_sem_seg = PixelData(data=label[None])
        return PixelBatch(samples, labels, weight)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the labels."""
        return tuple(self.target.shape[-2:])

    def map(self, name: str) -> Tensor | None:
        """The maps NAME of the batch (N, H, W), stacked once for all heads; None if one lacks."""
        if name not in self._maps:
            self._maps[name] = stack_pixel_map(name, self.samples)
        return self._maps[name]
