"""What the registered classes share: weights, names and the call that mmseg makes."""

from collections.abc import Sequence

from torch import Tensor, nn

from .utils import class_factor


class SegmentationLoss(nn.Module):
    """A pure function of logits and labels as the loss of a decode head.

    A loss may need maps with a value per pixel that follow from the labels alone. It names them in
    ``pixel_maps``: the decode head passes the map ``NAME`` as a keyword argument, read from
    ``gt_NAME`` of the data samples, and the training pipeline of a step ends with
    :meth:`transforms`, which make the maps in the data workers.

    Args:
        num_old: Number of old channels, background included. The decode head sets it at each step.
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel, background first; the divisor stays as it is. One list
            may serve all steps: factors of channels to come are not used yet.
    """

    pixel_maps: tuple[str, ...] = ()

    #: Method that serves the losses computed in pieces: from the (unbiased) cross-entropy of a
    #: pixel, any shape, and the maps of ``pixel_maps`` by name to the loss of the pixel and its
    #: derivative by the cross-entropy. None where the loss is no such function.
    modulate = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        """A class that computes something else has none of its parent's shortcuts."""
        super().__init_subclass__(**kwargs)
        if {'compute', 'forward'} & set(vars(cls)) and 'modulate' not in vars(cls):
            cls.modulate = None

    def __init__(
        self,
        num_old: int,
        avg_non_ignore: bool,
        loss_weight: float,
        loss_name: str,
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.class_weight = class_weight
        self.num_old = num_old
        self.avg_non_ignore = avg_non_ignore
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def compute(self, logits: Tensor, target: Tensor, **options: object) -> Tensor:
        """Compute the unweighted loss; ``options`` are those of the pure function."""
        raise NotImplementedError

    def transforms(self) -> list[dict]:
        """Configs of the transforms that make ``pixel_maps``, to run after ``PackSegInputs``."""
        return []

    def forward(
        self,
        seg_logits: Tensor,
        seg_label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **kwargs: object,
    ) -> Tensor:
        """Compute the weighted loss.

        Args:
            seg_logits: Logits (N, C, H, W).
            seg_label: Labels (N, H, W), int64.
            weight: Factor per pixel (N, H, W), from a pixel sampler.
            ignore_index: Label of the pixels that do not count.
            **kwargs: The maps (N, H, W) that ``pixel_maps`` names, None where absent. Others are
                accepted and unused, as every MMSegmentation loss accepts some.

        Returns:
            Scalar.
        """
        if self.class_weight is not None:
            factor = class_factor(self.class_weight, seg_label, self.num_old, ignore_index)
            weight = factor if weight is None else factor * weight
        return self.loss_weight * self.compute(
            seg_logits,
            seg_label,
            num_old=self.num_old,
            ignore_index=ignore_index,
            avg_non_ignore=self.avg_non_ignore,
            weight=weight,
            **{name: kwargs.get(name) for name in self.pixel_maps},
        )


class DistillationLoss(nn.Module):
    """A pure function of what the student and the old model return.

    Args:
        module: Name of the sub-module whose output is compared; None is the logits of the decode
            head.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    def __init__(self, module: str | None, loss_weight: float, loss_name: str) -> None:
        super().__init__()
        self.module = module
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    #: Method that takes the old model's probability of the background, any shape, and returns the
    #: :class:`~.log_sums.LogSums` weights of the loss of a pixel; None where it is no such sum.
    log_sum_weights = None

    def __init_subclass__(cls, **kwargs: object) -> None:
        """A class that computes something else has none of its parent's shortcuts."""
        super().__init_subclass__(**kwargs)
        if {'compute', 'forward'} & set(vars(cls)) and 'log_sum_weights' not in vars(cls):
            cls.log_sum_weights = None

    def compute(self, student: Tensor, old: Tensor) -> Tensor:
        """Compute the unweighted loss."""
        raise NotImplementedError

    def forward(self, student: Tensor, old: Tensor) -> Tensor:
        """Compute the weighted loss.

        Args:
            student: Output of the student (N, C, H, W).
            old: Output of the old model (N, K, H, W).

        Returns:
            Scalar.
        """
        return self.loss_weight * self.compute(student, old)
