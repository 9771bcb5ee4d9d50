"""Heads of mmseg whose classifier grows by one convolution per step."""

import re
import warnings
from collections.abc import Mapping, Sequence
from types import MethodType

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.decode_heads.cascade_decode_head import BaseCascadeDecodeHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.enc_head import EncHead
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ..errors import reason_of
from .classifier import IncrementalClassifier
from .without_values import build_without_values


def grow_head(
    head: BaseDecodeHead, classes_per_step: Sequence[int], extra: Mapping[str, int] | None = None
) -> None:
    """Put the per-step classifier in the place of a head's ``conv_seg``.

    The head keeps everything else, and the keys of its ``state_dict``. Its ``num_classes`` is the
    number of classes of all steps, its ``out_channels`` that of its logits.

    Args:
        head: Any head that :func:`refusal` has nothing against; it is changed.
        classes_per_step: Channels that each step adds; the first counts the background.
        extra: Number of channels by name, beside the classes.

    Raises:
        ValueError: If a step or a name adds no channel.
    """
    _put(head, IncrementalClassifier(head.conv_seg.in_channels, classes_per_step, extra))


def build_head(
    head_cfg: dict, classes_per_step: Sequence[int], extra: Mapping[str, int] | None = None
) -> BaseDecodeHead:
    """Build a head by its stock config, and grow it.

    Args:
        head_cfg: Config of the head without ``num_classes``; it is not changed.
        classes_per_step: As in :func:`grow_head`.
        extra: As in :func:`grow_head`.

    Returns:
        The head.

    Raises:
        ValueError: If a step or a name adds no channel.
    """
    # first of all, since layers without an initialisation of their own keep the random numbers
    # that they were built with
    classifier = IncrementalClassifier(head_cfg['channels'], classes_per_step, extra)
    head = MODELS.build(ConfigDict(head_cfg, num_classes=classifier.num_classes))
    _put(head, classifier)
    return head


def _put(head: BaseDecodeHead, classifier: IncrementalClassifier) -> None:
    head.conv_seg = classifier
    head.num_classes = classifier.num_classes
    head.out_channels = classifier.num_classes + sum(classifier.extra_channels.values())
    _mend(head)


def _mend(head: BaseDecodeHead) -> None:
    if isinstance(head, EncHead) and not head.use_se_loss:
        # mmseg's unpacks a second output, which is not there
        head.loss_by_feat = MethodType(BaseDecodeHead.loss_by_feat, head)


def refusal(head_cfg: dict) -> str | None:
    """Why a head cannot grow.

    A head grows if it makes one map of logits with its ``conv_seg`` and nothing else in it depends
    on the number of classes. This is judged by the head's class and by building it twice; what it
    returns is tried on tensors without values.

    Args:
        head_cfg: Config of a decode head or an auxiliary head without ``num_classes``.

    Returns:
        One line that names the head and the reason, or None for a head that grows.
    """
    kind = head_cfg.get('type')
    name = kind if isinstance(kind, str) else getattr(kind, '__name__', f'a head of type {kind!r}')
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        reason = _reason(ConfigDict(head_cfg, loss_decode=dict(type='CrossEntropyLoss')))
    return reason and f'{name} cannot learn step by step: {reason}'


def _reason(cfg: ConfigDict) -> str | None:
    kind = MODELS.get(cfg.type) if isinstance(cfg.type, str) else cfg.type
    if not isinstance(kind, type):
        return 'mmseg knows no such head'
    if not issubclass(kind, BaseDecodeHead):
        return 'it is no BaseDecodeHead, which classifies every pixel for itself'
    if issubclass(kind, BaseCascadeDecodeHead):
        return 'it refines the output of another head'
    if kind.loss is not BaseDecodeHead.loss:
        return 'it has a loss() of its own, which sees more than its logits'
    if cfg.get('out_channels') is not None:
        return 'out_channels is given, but it follows from the classes'
    try:
        few, more = (build_without_values(ConfigDict(cfg, num_classes=n)) for n in (3, 4))
    except Exception as error:  # heads fail in their own ways, such as for want of an operator
        if untaken := re.search(
            "unexpected keyword argument '(num_classes|loss_decode)'", str(error)
        ):
            return f'it takes no {untaken[1]}'
        return f'it cannot be built ({reason_of(error)})'
    reason = _structure(few, more) or _output(few, _pyramid(cfg))
    if not reason and kind.loss_by_feat is not BaseDecodeHead.loss_by_feat:
        reason = _labels(cfg)
    return reason


def _structure(few: BaseDecodeHead, more: BaseDecodeHead) -> str | None:
    """Compare a head for 3 with one for 4 classes."""
    conv = getattr(few, 'conv_seg', None)
    if not isinstance(conv, nn.Conv2d) or conv.kernel_size != (1, 1) or conv.bias is None:
        return 'it does not classify with a 1x1 convolution conv_seg'
    shapes = [{name: value.shape for name, value in h.state_dict().items()} for h in (few, more)]
    for name in [*shapes[0], *shapes[1]]:
        same = shapes[0].get(name) == shapes[1].get(name)
        if not same and not name.startswith('conv_seg.'):
            return f'{name} depends on the number of classes too'
    return None


def _output(head: BaseDecodeHead, features: list[Tensor]) -> str | None:
    """Look at what a head returns; one that wants other features gets no verdict."""
    calls = []
    head.conv_seg.register_forward_hook(lambda *_: calls.append(1))
    for mode in ('training', 'evaluation'):
        head.train(mode == 'training')
        try:
            with torch.no_grad():
                logits = head(features)
        except Exception:
            continue
        if not isinstance(logits, Tensor):
            return f'in {mode} it returns a {type(logits).__name__}, not one map of logits'
        if logits.dim() != 4 or logits.shape[1] != head.num_classes or not calls:
            return f'in {mode} it does not return what conv_seg makes of its features'
    return None


def _pyramid(cfg: ConfigDict) -> list[Tensor]:
    """Features without values, each level half as large as the one before."""
    indices, channels = cfg.get('in_index', -1), cfg.get('in_channels', 1)
    if isinstance(indices, int):
        indices, channels = [indices], [channels]
    levels = max(max(index + 1, -index) for index in indices)
    widths = dict(zip((index % levels for index in indices), channels, strict=True))
    return [
        torch.empty(2, widths.get(level, 1), 256 >> level, 256 >> level, device='meta')
        for level in range(levels)
    ]


def _labels(cfg: ConfigDict) -> str | None:
    """See whether a loss of the head's own tells two classes apart."""
    head = MODELS.build(ConfigDict(cfg, num_classes=3))
    _mend(head)
    logits = torch.randn(1, 3, 8, 8)
    losses = []
    for label in (1, 2):
        data = PixelData(data=torch.full((1, 8, 8), label))
        try:
            values = head.loss_by_feat(logits, [SegDataSample(gt_sem_seg=data)])
        except Exception:
            return None
        losses.append(sum(value for name, value in values.items() if 'loss' in name))
    return 'it does not learn the labels of the classes' if losses[0] == losses[1] else None
