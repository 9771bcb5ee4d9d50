"""Segmentor that learns beside a frozen copy of its former self."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS, TASK_UTILS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from ..errors import InputError
from .channels import Channels
from .classifier import IncrementalClassifier
from .criterion import Criterion
from .feature_recorder import record_taps
from .folding import fold_batch_norm
from .growth import build_head
from .labelled_batch import LabelledBatch
from .memory_layout import try_channels_last
from .pixel_batch import PixelBatch

_LOGITS = 'logits'


@MODELS.register_module()
class IncrementalEncoderDecoder(EncoderDecoder):
    """``EncoderDecoder`` that grows by a classifier per step and learns from its former self.

    Every head gets a :class:`IncrementalClassifier` in the place of its last convolution; its
    ``num_classes`` is set here. The ``loss`` method runs the student once and the old model once,
    without gradient:

    .. code:: text

     loss(): student: extract_feat() -> decode_head, auxiliary_head -> low-resolution logits
             old model: the same in inference mode, auxiliary heads only where a tap needs one
             targets(labels, old logits) -> labels and weights to learn from
             criterion(decode_head, its logits, distillation of logits, old logits)
             criterion(auxiliary_head[i], its logits)
             distillation[i](student outputs, old outputs) of recorded features

    The old model is derived state: it is set by :meth:`set_old_model`, is no sub-module, and so
    is in no ``state_dict``, optimiser, DDP wrapper or ``init_weights``.

    Args:
        decode_head: Config of a decode head.
        classes_per_step: Channels that each step so far adds; the first counts the background.
        extra_channels: Name to number of channels beside the classes.
        auxiliary_head: Configs of auxiliary heads.
        distillation: Configs of the distillation losses.
        targets: Config of what makes labels with the help of the old model.
        link: Config of what turns logits into decisions; None takes the largest.
        structure: Configs of what changes the network's layers.
        trainable: Configs of what freezes parts of the network.
        taps: Names for taps of the network, each a list of tap names; see :func:`record_taps`.
        background: Whether channel 0 is the background.
        fast_path: Whether losses are computed in pieces, the old model's batch normalisation is
            folded into its convolutions, and convolutions run channels-last. Without it the
            results are the same up to rounding.
        **kwargs: Everything else that ``EncoderDecoder`` takes.

    Raises:
        InputError: If a part's argument is wrong.
    """

    def __init__(
        self,
        *,
        decode_head: dict,
        classes_per_step: Sequence[int],
        extra_channels: Mapping[str, int] | None = None,
        auxiliary_head: dict | list[dict] | None = None,
        distillation: Sequence[dict] = (),
        targets: dict | None = None,
        link: dict | None = None,
        structure: Sequence[dict] = (),
        trainable: Sequence[dict] = (),
        taps: Mapping[str, Sequence[str]] | None = None,
        background: bool = True,
        fast_path: bool = True,
        **kwargs: object,
    ) -> None:
        extra = dict(extra_channels or {})
        names = tuple(name for name, number in extra.items() for _ in range(number))
        *old, new = classes_per_step
        self.channels = Channels(sum(old), new, names, background)
        self._growth = (list(classes_per_step), extra)
        super().__init__(decode_head=decode_head, auxiliary_head=auxiliary_head, **kwargs)
        # what slides a window over a picture, or predicts, sees the classes only
        self.num_classes = self.out_channels = self.channels.num_classes
        self.taps = dict(taps or {})
        self.distillation = nn.ModuleList(MODELS.build(cfg) for cfg in distillation)
        self.targets = TASK_UTILS.build(targets) if targets else None
        self.link = TASK_UTILS.build(link) if link else None
        self.structure = [TASK_UTILS.build(cfg) for cfg in structure]
        self.trainable = [TASK_UTILS.build(cfg) for cfg in trainable]
        self.statistics: Mapping[str, Tensor] = {}
        self.fast_path = fast_path
        self.channels_last = False
        self.criterion = Criterion(fast_path)
        object.__setattr__(self, 'old_model', None)
        for part in self.structure:
            part.apply(self, self.channels)
        for part in self.trainable:
            part.apply(self)

    def _init_decode_head(self, decode_head: dict) -> None:
        """Build the decode head with a classifier that grows; ``EncoderDecoder`` calls this."""
        self.decode_head = build_head(decode_head, *self._growth)
        self.align_corners = self.decode_head.align_corners

    def _init_auxiliary_head(self, auxiliary_head: dict | list[dict] | None) -> None:
        """Build auxiliary heads that grow too; ``EncoderDecoder`` calls this."""
        if isinstance(auxiliary_head, dict):
            self.auxiliary_head = build_head(auxiliary_head, *self._growth)
        elif auxiliary_head:
            heads = [build_head(head, *self._growth) for head in auxiliary_head]
            self.auxiliary_head = nn.ModuleList(heads)

    def use_channels_last(self) -> None:
        """Lay weights and pictures out channels-last, where the network can be run so."""
        self.channels_last = try_channels_last(self)

    def set_old_model(self, old_model: EncoderDecoder) -> None:
        """Freeze the model of the step before and learn beside it.

        Args:
            old_model: Model with the weights of the step before; it stays on this model's device,
                and on the fast path its batch normalisation is folded into its convolutions.
        """
        old_model.to(next(self.parameters()).device).eval().requires_grad_(False)
        if self.fast_path:
            old_model = fold_batch_norm(old_model)
        if not self.channels_last:
            old_model.to(memory_format=torch.contiguous_format)
        object.__setattr__(self, 'old_model', old_model)

    def carry_over(self, state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights of the step before as this step begins with them.

        Args:
            state: State of the model of the step before; it is not changed.

        Returns:
            What this model loads; new classifiers are not part of it.
        """
        for part in self.structure:
            state = part.carry_over(self, state)
        return state

    def classifiers(self) -> Iterator[tuple[str, IncrementalClassifier]]:
        """Names and classifiers of all heads."""
        for name, module in self.named_modules():
            if isinstance(module, IncrementalClassifier):
                yield name, module

    def extra_names(self) -> list[str]:
        """Names in the ``state_dict`` that belong to channels beside the classes."""
        prefixes = tuple(f'{name}.extra.' for name, _ in self.classifiers())
        return [name for name in self.state_dict() if name.startswith(prefixes)]

    def train(self, mode: bool = True) -> 'IncrementalEncoderDecoder':
        """Set the mode; what is frozen stays in evaluation mode."""
        super().train(mode)
        for part in self.trainable:
            part.set_mode(self)
        return self

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Scores of the classes of every pixel.

        Args:
            inputs: Pictures of shape (N, 3, H, W).
            batch_img_metas: What mmseg knows of each picture.

        Returns:
            Scores (N, C, H, W); the largest decides.
        """
        logits = super().encode_decode(inputs, batch_img_metas)
        return logits if self.link is None else self.link(logits, self.channels)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Segmentation losses of all heads and the distillation losses.

        Args:
            inputs: Pictures of shape (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` of shape (1, H, W).

        Returns:
            Loss name to scalar.

        Raises:
            InputError: If a head returns something else than one map of logits.
        """
        if self.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        beside = self.old_model is not None and (len(self.distillation) or self.targets)
        on_taps = [term for term in self.distillation if term.taps] if beside else []
        on_logits = [term for term in self.distillation if not term.taps] if beside else []
        taps = {tap: None for term in on_taps for tap in term.taps if tap != _LOGITS}
        with record_taps(self, taps) as student:
            features = self.extract_feat(inputs)
            logits = {name: head(features) for name, head in self.heads().items()}
        _check_logits(self.heads(), logits)
        old = self._old_outputs(inputs, taps) if beside else {}
        batch = self._pixel_batch(data_samples, old.get(_LOGITS))
        # channels beside the classes are not distilled
        old_classes = old[_LOGITS][:, : self.channels.num_old] if on_logits else None
        losses = {}
        for name, head in self.heads().items():
            terms = on_logits if name == 'decode' else []
            own, compared = self.criterion(head, logits[name], batch, terms, old_classes)
            losses.update(add_prefix(own, name))
            _add(losses, terms, compared)
        outputs = {**student, _LOGITS: logits['decode']}
        _add(losses, on_taps, [term.distil(outputs, old, self.channels) for term in on_taps])
        return losses

    def labelled_batch(self, inputs: Tensor, data_samples: SampleList) -> LabelledBatch:
        """Labels of a batch beside the old model's logits.

        Args:
            inputs: Pictures of shape (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` of shape (1, H, W).
        """
        labels = PixelBatch.from_samples(data_samples).target
        return self._labelled(labels, self._old_outputs(inputs, ())[_LOGITS])

    def _labelled(self, labels: Tensor, old_logits: Tensor | None) -> LabelledBatch:
        head = self.decode_head
        return LabelledBatch(
            labels, old_logits, self.channels, head.align_corners, head.ignore_index,
            self.statistics,
        )  # fmt: skip

    def _pixel_batch(self, samples: SampleList, old_logits: Tensor | None) -> PixelBatch:
        """What the losses of all heads learn from."""
        batch = PixelBatch.from_samples(samples)
        # at step 0 only targets that act there are built
        if self.targets is None or (old_logits is None and self.channels.num_old):
            return batch
        with torch.no_grad():
            made = self.targets(self._labelled(batch.target, old_logits))
        return batch.relabelled(made.labels, made.weight)

    def heads(self) -> dict[str, nn.Module]:
        """The decode head and the auxiliary heads, by the names that their losses have."""
        heads = {'decode': self.decode_head}
        if not self.with_auxiliary_head:
            return heads
        auxiliary = self.auxiliary_head
        if not isinstance(auxiliary, nn.ModuleList):
            return {**heads, 'aux': auxiliary}
        return {**heads, **{f'aux_{i}': head for i, head in enumerate(auxiliary)}}

    def _old_outputs(self, inputs: Tensor, taps: Sequence[str]) -> dict[str, Tensor | list[Tensor]]:
        """Outputs of the old model at the taps, and its low-resolution logits."""
        old = self.old_model
        with torch.inference_mode(), record_taps(old, taps) as outputs:
            features = old.extract_feat(inputs)
            outputs[_LOGITS] = old.decode_head(features)
            if any(tap.startswith('auxiliary_head') for tap in taps):
                for name, head in old.heads().items():
                    if name != 'decode':
                        head(features)
        # autograd keeps no tensors of inference mode, and losses may want to keep these
        return {name: _clone(output) for name, output in outputs.items()}


def _clone(output: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    return output.clone() if isinstance(output, Tensor) else [part.clone() for part in output]


def _check_logits(heads: Mapping[str, nn.Module], logits: Mapping[str, object]) -> None:
    for name, output in logits.items():
        if not isinstance(output, Tensor):
            raise InputError(
                f'{type(heads[name]).__name__} returns a {type(output).__name__}, not one map of '
                'logits, so it cannot grow by classes'
            )


def _add(losses: dict[str, Tensor], terms: Sequence[nn.Module], values: Sequence[Tensor]) -> None:
    """Add distillation losses under the names of their terms."""
    for term, value in zip(terms, values, strict=True):
        name = f'distill.{term.loss_name}'
        losses[name] = losses.get(name, 0) + value
