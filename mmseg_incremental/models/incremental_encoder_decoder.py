"""Segmentor that learns beside a frozen copy of its former self."""

from collections.abc import Iterator, Sequence

import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .classifier import IncrementalClassifier
from .criterion import FullCriterion, PiecewiseCriterion
from .feature_recorder import record_features
from .folding import fold_batch_norm


@MODELS.register_module()
class IncrementalEncoderDecoder(EncoderDecoder):
    """``EncoderDecoder`` with distillation from the model of the step before.

    The ``loss`` method runs the student once and the old model once, without gradient:

    .. code:: text

     loss(): student: extract_feat() -> decode_head, auxiliary_head -> low-resolution logits
             old model: the same in inference mode, auxiliary heads only where a loss names one
             criterion(decode_head, its logits, distillation of logits, old logits)
             criterion(auxiliary_head[i], its logits)
             distillation[i](student output, old output) of recorded features

    The old model is derived state: it is set by :meth:`set_old_model`, is no sub-module, and so
    is in no ``state_dict``, optimiser, DDP wrapper or ``init_weights``.

    Args:
        distillation: Configs of the distillation losses. A loss whose ``module`` is None
            compares logits, otherwise it compares the output of the module of that name.
        freeze_norm: Whether batch normalisation keeps its statistics and its affine parameters,
            whatever ``train()`` is called with.
        fast_path: Whether losses are computed in pieces, the old model's batch normalisation is
            folded into its convolutions, and convolutions run channels-last. Without it the
            results are the same up to rounding.
        **kwargs: Everything that ``EncoderDecoder`` takes.
    """

    def __init__(
        self,
        *,
        distillation: Sequence[dict] = (),
        freeze_norm: bool = False,
        fast_path: bool = True,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.distillation = nn.ModuleList(MODELS.build(cfg) for cfg in distillation)
        self.freeze_norm = freeze_norm
        self.fast_path = fast_path
        self.criterion = PiecewiseCriterion() if fast_path else FullCriterion()
        object.__setattr__(self, 'old_model', None)
        if freeze_norm:
            for norm in self._norms():
                norm.requires_grad_(False)

    def set_old_model(self, old_model: EncoderDecoder) -> None:
        """Freeze the model of the step before and distil from it.

        Args:
            old_model: Model with the weights of the step before; it stays on this model's device,
                and on the fast path its batch normalisation is folded into its convolutions.
        """
        old_model.to(next(self.parameters()).device).eval().requires_grad_(False)
        if self.fast_path:
            old_model = fold_batch_norm(old_model)
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
        if self.fast_path:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        on_logits = [term for term in self.distillation if term.module is None]
        on_features = [term for term in self.distillation if term.module is not None]
        names = [term.module for term in on_features]
        with record_features(self, names) as student:
            features = self.extract_feat(inputs)
            heads = {'decode': self.decode_head, **self._auxiliary_heads()}
            logits = {name: head(features) for name, head in heads.items()}
        distils = self.old_model is not None and len(self.distillation)
        old = self._old_outputs(inputs, names) if distils else {}
        losses = {}
        for name, head in heads.items():
            terms = on_logits if old and name == 'decode' else []
            own, compared = self.criterion(head, logits[name], data_samples, terms, old.get(None))
            losses.update(add_prefix(own, name))
            _add(losses, terms, compared)
        if old:
            compared = [term(student[term.module], old[term.module]) for term in on_features]
            _add(losses, on_features, compared)
        return losses

    def _auxiliary_heads(self) -> dict[str, nn.Module]:
        if not self.with_auxiliary_head:
            return {}
        heads = self.auxiliary_head
        if not isinstance(heads, nn.ModuleList):
            return {'aux': heads}
        return {f'aux_{i}': head for i, head in enumerate(heads)}

    def _old_outputs(self, inputs: Tensor, names: Sequence[str]) -> dict[str | None, Tensor]:
        """Outputs of the old model: of the modules of these names, and its logits under None."""
        old = self.old_model
        with torch.inference_mode(), record_features(old, names) as outputs:
            features = old.extract_feat(inputs)
            outputs[None] = old.decode_head(features)
            if any(name.startswith('auxiliary_head') for name in names):
                for head in old._auxiliary_heads().values():
                    head(features)
        # autograd keeps no tensors of inference mode, and losses may want to keep these
        return {name: output.clone() for name, output in outputs.items()}


def _add(losses: dict[str, Tensor], terms: Sequence[nn.Module], values: Sequence[Tensor]) -> None:
    """Add distillation losses under the names of their terms."""
    for term, value in zip(terms, values, strict=True):
        name = f'distill.{term.loss_name}'
        losses[name] = losses.get(name, 0) + value
