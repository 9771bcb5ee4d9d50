"""Segmentor that learns beside a frozen copy of its former self."""

from collections.abc import Iterator, Sequence

import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .classifier import IncrementalClassifier
from .feature_recorder import record_features


@MODELS.register_module()
class IncrementalEncoderDecoder(EncoderDecoder):
    """``EncoderDecoder`` with distillation from the model of the step before.

    The ``loss`` method runs the student once and the old model once, without gradient:

    .. code:: text

     loss(): student: extract_feat() -> decode_head, auxiliary_head -> logits at label size
             decode_head.loss_by_feat(), auxiliary_head[i].loss_by_feat()
             old model: the same in evaluation mode, auxiliary heads only where a loss names one
             distillation[i](student output, old output)

    The old model is derived state: it is set by :meth:`set_old_model`, is no sub-module, and so
    is in no ``state_dict``, optimiser, DDP wrapper or ``init_weights``.

    Args:
        distillation: Configs of the distillation losses. A loss whose ``module`` is None
            compares logits, otherwise it compares the output of the module of that name.
        freeze_norm: Whether batch normalisation keeps its statistics and its affine parameters,
            whatever ``train()`` is called with.
        **kwargs: Everything that ``EncoderDecoder`` takes.
    """

    def __init__(
        self, *, distillation: Sequence[dict] = (), freeze_norm: bool = False, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self.distillation = nn.ModuleList(MODELS.build(cfg) for cfg in distillation)
        self.freeze_norm = freeze_norm
        object.__setattr__(self, 'old_model', None)
        if freeze_norm:
            for norm in self._norms():
                norm.requires_grad_(False)

    def set_old_model(self, old_model: EncoderDecoder) -> None:
        """Freeze the model of the step before and distil from it.

        Args:
            old_model: Model with the weights of the step before; it stays on this model's device.
        """
        old_model.to(next(self.parameters()).device).eval().requires_grad_(False)
        object.__setattr__(self, 'old_model', old_model)

    def classifiers(self) -> Iterator[tuple[str, IncrementalClassifier]]:
        """Names and classifiers of all heads that grow."""
        for name, module in self.named_modules():
            if isinstance(module, IncrementalClassifier):
                yield name, module

    def train(self, mode: bool = True) -> 'IncrementalEncoderDecoder':
        """Set the mode; frozen batch normalisation stays in evaluation mode."""
        super().train(mode)
        if self.freeze_norm:
            for norm in self._norms():
                norm.eval()
        return self

    def _norms(self) -> Iterator[_BatchNorm]:
        return (module for module in self.modules() if isinstance(module, _BatchNorm))

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Segmentation losses of all heads and the distillation losses.

        Args:
            inputs: Pictures of shape (N, 3, H, W).
            data_samples: N samples with ``gt_sem_seg`` of shape (1, H, W).

        Returns:
            Loss name to scalar.
        """
        names = {term.module for term in self.distillation} - {None}
        size = data_samples[0].gt_sem_seg.shape[-2:]
        with record_features(self, names) as student:
            features = self.extract_feat(inputs)
            heads = {'decode': self.decode_head, **self._auxiliary_heads()}
            logits = {name: self._logits(head, features, size) for name, head in heads.items()}
        losses = {}
        for name, head in heads.items():
            losses.update(add_prefix(head.loss_by_feat(logits[name], data_samples), name))
        if self.old_model is not None and len(self.distillation):
            student[None] = logits['decode']
            old = self._old_outputs(inputs, names, size)
            for term in self.distillation:
                name = f'distill.{term.loss_name}'
                losses[name] = losses.get(name, 0) + term(student[term.module], old[term.module])
        return losses

    def _auxiliary_heads(self) -> dict[str, nn.Module]:
        if not self.with_auxiliary_head:
            return {}
        heads = self.auxiliary_head
        if not isinstance(heads, nn.ModuleList):
            return {'aux': heads}
        return {f'aux_{i}': head for i, head in enumerate(heads)}

    def _logits(self, head: nn.Module, features: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        return resize(head(features), size=size, mode='bilinear', align_corners=head.align_corners)

    @torch.no_grad()
    def _old_outputs(
        self, inputs: Tensor, names: set[str], size: Sequence[int]
    ) -> dict[str | None, Tensor]:
        old = self.old_model
        with record_features(old, names) as outputs:
            features = old.extract_feat(inputs)
            outputs[None] = self._logits(old.decode_head, features, size)
            if any(name.startswith('auxiliary_head') for name in names):
                for head in old._auxiliary_heads().values():
                    head(features)
        return outputs
