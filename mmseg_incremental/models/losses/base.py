"""What the registered classes share: weights, names and the calls that are made of them."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from ..channels import Channels
from .utils import apply_weight, class_factor, pixel_divisor

#: What is recorded at a tap.
Outputs = Tensor | Sequence[Tensor]


class SegmentationLoss(nn.Module):
    """A loss with one value per pixel, as the loss of a decode head.

    A subclass writes :meth:`pixel_loss`; weights, averaging and the call that mmseg makes follow.
    As the value of a pixel depends on its own picture only, the criterion may take one picture
    after the other.

    A loss may need maps with a value per pixel that follow from the labels alone. It names them in
    ``pixel_maps``: :meth:`pixel_loss` gets the map ``NAME`` as a keyword argument, read from
    ``gt_NAME`` of the data samples, and the training pipeline of a step ends with
    :meth:`transforms`, which make the maps in the data workers.

    A loss that depends on the number of old channels has a constructor argument ``num_old``, which
    the config of a step fills in.

    Args:
        avg_non_ignore: Average over valid pixels instead of all pixels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
        class_weight: Factor per channel, background first; the divisor stays as it is. One list
            may serve all steps: factors of channels to come are not used yet.
    """

    pixel_maps: tuple[str, ...] = ()

    def __init__(
        self,
        avg_non_ignore: bool,
        loss_weight: float,
        loss_name: str,
        class_weight: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.avg_non_ignore = avg_non_ignore
        self.loss_weight = loss_weight
        self.loss_name = loss_name
        self.class_weight = class_weight

    def pixel_loss(
        self, logits: Tensor, target: Tensor, ignore_index: int, **maps: Tensor | None
    ) -> Tensor:
        """Compute the unweighted loss of every pixel.

        Args:
            logits: Logits (N, C, H, W).
            target: Labels (N, H, W), int64. Left as they are.
            ignore_index: Label of the pixels that do not count.
            **maps: The maps (N, H, W) that ``pixel_maps`` names, None where absent.

        Returns:
            Loss (N, H, W), float32 or float64; exactly 0 and without gradient where the pixel is
            ignored.
        """
        raise NotImplementedError

    def read_labels(self, target: Tensor, ignore_index: int) -> Tensor:
        """Labels as the loss reads them, (N, H, W); ``class_weight`` counts by these."""
        return target

    def transforms(self) -> list[dict]:
        """Configs of the transforms that make ``pixel_maps``, to run after ``PackSegInputs``."""
        return []

    def divisor(self, target: Tensor, ignore_index: int) -> int | Tensor:
        """What the sum over the pixels of a batch (N, H, W) is divided by."""
        return pixel_divisor(target, ignore_index, self.avg_non_ignore)

    def weighted_pixel_loss(
        self,
        logits: Tensor,
        target: Tensor,
        ignore_index: int,
        weight: Tensor | None = None,
        **maps: Tensor | None,
    ) -> Tensor:
        """Compute :meth:`pixel_loss` times the weights of class and pixel.

        Args:
            logits: Logits (N, C, H, W).
            target: Labels (N, H, W), int64.
            ignore_index: Label of the pixels that do not count.
            weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).
            **maps: As for :meth:`pixel_loss`.

        Returns:
            Loss (N, H, W).

        Raises:
            ValueError: If the weight has another shape.
        """
        loss = self.pixel_loss(logits, target, ignore_index, **maps)
        if self.class_weight is not None:
            labels = self.read_labels(target, ignore_index)
            loss = loss * class_factor(self.class_weight, labels, ignore_index, loss.dtype)
        return loss if weight is None else apply_weight(loss, weight)

    def forward(
        self,
        seg_logits: Tensor,
        seg_label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
        **kwargs: object,
    ) -> Tensor:
        """Compute the weighted loss of a batch.

        Args:
            seg_logits: Logits (N, C, H, W).
            seg_label: Labels (N, H, W), int64.
            weight: Factor per pixel (N, H, W) or per picture (N, 1, 1).
            ignore_index: Label of the pixels that do not count.
            **kwargs: The maps (N, H, W) that ``pixel_maps`` names, None where absent. Others are
                accepted and unused, as every MMSegmentation loss accepts some.

        Returns:
            Scalar.
        """
        maps = {name: kwargs.get(name) for name in self.pixel_maps}
        loss = self.weighted_pixel_loss(seg_logits, seg_label, ignore_index, weight, **maps)
        mean = loss.sum() / self.divisor(seg_label, ignore_index)
        return self.loss_weight * mean.to(loss.dtype)


class DistillationLoss(nn.Module):
    """A comparison of what the student and the old model return.

    A subclass that compares one output writes :meth:`forward`, one that compares several or needs
    the meaning of the channels writes :meth:`distil`.

    Args:
        taps: Names of the module outputs that are compared; none are the logits at the size of
            the labels, which the criterion passes to :meth:`forward`.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    def __init__(self, taps: Sequence[str], loss_weight: float, loss_name: str) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(self, student: Tensor, old: Tensor) -> Tensor:
        """Compute the weighted loss.

        Args:
            student: Output of the student (N, C, H, W).
            old: Output of the old model (N, K, H, W). It gets no gradient.

        Returns:
            Scalar.
        """
        raise NotImplementedError

    def distil(
        self, student: Mapping[str, Outputs], old: Mapping[str, Outputs], channels: Channels
    ) -> Tensor:
        """Compute the weighted loss of the outputs that ``taps`` names.

        Args:
            student: Tap to what the student returned there, one tensor or several.
            old: The same of the old model. It gets no gradient.
            channels: Channels of the step.

        Returns:
            Scalar.
        """
        (tap,) = self.taps
        return self(student[tap], old[tap])


class PixelDistillation(DistillationLoss):
    """A distillation of logits whose loss is the mean over pixels.

    A subclass writes :meth:`pixel_loss`. As the value of a pixel depends on its own picture only,
    the criterion may take one picture after the other.

    Attributes:
        per_channel: Whether it compares each class by itself. If not, as with a softmax, it would
            take channels beside the classes for classes.

    Args:
        module: Name of the sub-module whose output is compared; None is the logits of the decode
            head at the size of the labels.
        loss_weight: Factor of the loss.
        loss_name: Name in the logs; a name that starts with ``loss`` enters the sum of losses.
    """

    per_channel: bool = False

    def __init__(self, module: str | None, loss_weight: float, loss_name: str) -> None:
        super().__init__(() if module is None else (module,), loss_weight, loss_name)

    def pixel_loss(self, logits: Tensor, old_logits: Tensor) -> Tensor:
        """Compute the unweighted loss of every pixel.

        Args:
            logits: Logits of the student (N, C, H, W).
            old_logits: Logits of the old model's classes (N, K, H, W). They get no gradient.

        Returns:
            Loss (N, H, W), float32 or float64.
        """
        raise NotImplementedError

    def forward(self, student: Tensor, old: Tensor) -> Tensor:
        """Compute the weighted mean over the pixels; see :class:`DistillationLoss`."""
        return self.loss_weight * self.pixel_loss(student, old).mean()
