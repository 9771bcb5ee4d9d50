"""Freezing of all but the new classifiers, as the baseline DFT* and SSUL do."""

from collections.abc import Iterator, Sequence

from mmseg.registry import TASK_UTILS
from torch import nn


@TASK_UTILS.register_module()
class FreezeAllButNewClassifiers:
    """Freeze backbone, head and the classifiers of earlier steps.

    Their normalisation and dropout layers stay in evaluation mode. As no parameter before the
    classifiers takes a gradient, features are computed without a graph, and backward ends at them.

    Args:
        train_future: Whether extra channels named by a step's number, the classifiers of classes
            to come, go on learning; in DFT*'s code they do.
        train_extra: Names of other extra channels that go on learning, such as the unknown class
            of SSUL.
    """

    def __init__(self, train_future: bool = True, train_extra: Sequence[str] = ()) -> None:
        self.train_future = train_future
        self.train_extra = tuple(train_extra)

    def apply(self, model: nn.Module) -> None:
        """Freeze the parameters.

        Args:
            model: Its ``classifiers()`` yields names and incremental classifiers.
        """
        model.requires_grad_(False)
        for _, classifier in model.classifiers():
            last = str(len(classifier.classes_per_step) - 1)
            for name, parameter in classifier.named_parameters():
                first, *rest = name.split('.')
                learns = first == last
                if first == 'extra':
                    future = self.train_future and rest[0].isdigit()
                    learns = future or rest[0] in self.train_extra
                parameter.requires_grad_(learns)

    def set_mode(self, model: nn.Module) -> None:
        """Put the layers that do not learn into evaluation mode.

        Networks whose own forward asks for the mode keep it, since some return fewer maps in
        evaluation, which their heads' losses need.

        Args:
            model: The model, after its ``train()``.
        """
        for layer in _layers(model):
            if not any(parameter.requires_grad for parameter in layer.parameters()):
                layer.eval()


def _layers(model: nn.Module) -> Iterator[nn.Module]:
    """Modules without sub-modules, and PyTorch's attention, which has dropout of its own."""
    for module in model.modules():
        if not any(True for _ in module.children()) or isinstance(module, nn.MultiheadAttention):
            yield module
