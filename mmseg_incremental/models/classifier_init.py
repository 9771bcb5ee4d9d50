"""How the classifier of a step's new classes starts."""

import math
from collections.abc import Callable

import torch

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
    last.bias.fill_(first.bias[0].item())


def keep_random_init(classifier: IncrementalClassifier, background: bool = True) -> None:
    """Leave the new classes at their random initialisation, as fine-tuning does.

    Args:
        classifier: Classifier whose earlier steps are loaded.
        background: Whether channel 0 is the background.
    """


#: Initialisations by the name that a method's ``classifier_init`` gives.
CLASSIFIER_INITS: dict[str, Callable[[IncrementalClassifier, bool], None]] = {
    'background': init_from_background,
    'random': keep_random_init,
}
