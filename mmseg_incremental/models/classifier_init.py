"""How the classifier of a step's new classes starts."""

import math
from collections.abc import Callable
from functools import partial

import torch

from ..errors import InputError
from .classifier import IncrementalClassifier


@torch.no_grad()
def init_from_background(classifier: IncrementalClassifier, background: bool = True) -> None:
    """Spread the old background probability evenly over the background and the new classes.

    Every new class takes the background's weight and its bias less log(n + 1), n the number of
    new classes; the background's own bias is lowered by the same (Modeling the Background,
    Cermelli et al., CVPR 2020, Eq. 9 and its code). At the first iteration the background and
    the new classes together are as probable as the background was.

    Without a background no class stands for the new ones: they take the mean of all old classes,
    which is below the best one at every pixel.

    Args:
        classifier: Classifier whose earlier steps are loaded.
        background: Whether channel 0 is the background.
    """
    if not background:
        old, last = list(classifier)[:-1], classifier[-1]
        for kind in ('weight', 'bias'):
            mean = torch.cat([getattr(conv, kind) for conv in old]).mean(0)
            getattr(last, kind).copy_(mean.expand_as(getattr(last, kind)))
        return
    first, last = classifier[0], classifier[-1]
    shift = math.log(last.out_channels + 1)
    last.weight.copy_(first.weight[:1].expand_as(last.weight))
    first.bias[0] -= shift
    last.bias.copy_(first.bias[:1].expand_as(last.bias))


def keep_random_init(classifier: IncrementalClassifier, background: bool = True) -> None:
    """Leave the new classes at their random initialisation, as fine-tuning does.

    Args:
        classifier: Classifier whose earlier steps are loaded.
        background: Whether channel 0 is the background.
    """


@torch.no_grad()
def init_silent(classifier: IncrementalClassifier, background: bool = True) -> None:
    """Let the new classes never win, so that the model predicts what it did before.

    Their logits are ``SILENT`` at every pixel. It is the start of what a comparison shows beside
    the methods: step 0 as it is.

    Args:
        classifier: Classifier whose earlier steps are loaded.
        background: Whether channel 0 is the background.
    """
    classifier[-1].weight.zero_()
    classifier[-1].bias.fill_(SILENT)


@torch.no_grad()
def init_from_extra(
    classifier: IncrementalClassifier, background: bool = True, *, name: str
) -> None:
    """Start every new class as a copy of a channel beside the classes, weight and bias.

    What that channel learnt of objects without a class is where a new class begins: SSUL copies
    its ``unknown`` channel (Cha et al., NeurIPS 2021, section 3.3), DKD its ``auxiliary`` one
    (Baek et al., NeurIPS 2022, section 3.4).

    Args:
        classifier: Classifier whose earlier steps and extra channels are loaded.
        background: Whether channel 0 is the background.
        name: Name of the extra channel; of several channels the first is copied.

    Raises:
        InputError: If the classifier has no such channel.
    """
    if name not in classifier.extra_channels:
        raise InputError(
            f"method.classifier_init='{name}' copies a channel '{name}'; give the method "
            f"extra_channels=dict(type='NamedChannels', channels=dict({name}=1))"
        )
    source, last = classifier.extra[name], classifier[-1]
    last.weight.copy_(source.weight[:1].expand_as(last.weight))
    last.bias.copy_(source.bias[:1].expand_as(last.bias))


#: Logit below that of any other class, and within the range of half precision.
SILENT = -1.0e4

#: Channels beside the classes that an initialisation of the same name copies.
COPIED_CHANNELS = ('auxiliary', 'unknown')

#: Initialisations by the name that a method's ``classifier_init`` gives.
CLASSIFIER_INITS: dict[str, Callable[[IncrementalClassifier, bool], None]] = {
    'background': init_from_background,
    'random': keep_random_init,
    'silent': init_silent,
    **{name: partial(init_from_extra, name=name) for name in COPIED_CHANNELS},
}
