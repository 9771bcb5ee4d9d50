"""Backbones that run as compiled code."""

from collections.abc import Collection

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..errors import InputError
from ..models import IncrementalEncoderDecoder
from ..models.feature_recorder import tapped_modules
from ..utils.compiler import compile_error


@HOOKS.register_module()
class CompileBackbone(Hook):
    """Compile the backbones of the student and the old model, and what the criterion repeats.

    ``before_train`` runs after ``IncrementalLoop``, which brings the weights and the old model,
    and before ``LearningCurve``, which may evaluate. The names in the ``state_dict`` stay. Compiled
    code does not hold the weights, so that later steps need not compile again.

    A module whose output a distillation loss takes is left alone, for a hook in compiled code
    need not run; its parts are compiled.

    ``before_val`` switches the compiled code off until ``after_val``: test pictures have many
    sizes, and each would be compiled anew.
    """

    priority = 'BELOW_NORMAL'

    def before_train(self, runner: Runner) -> None:
        """Compile.

        Raises:
            InputError: If the machine cannot.
        """
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        check_compiler(next(model.parameters()).device)
        compile_model(model)
        # an evaluation that failed earlier in this process may have left it off
        torch.compiler.set_stance('default')

    def before_val(self, runner: Runner) -> None:
        """Run the evaluation as it is written."""
        torch.compiler.set_stance('force_eager')

    def after_val(self, runner: Runner) -> None:
        """Run compiled code again."""
        torch.compiler.set_stance('default')


def compile_model(model: IncrementalEncoderDecoder) -> None:
    """Compile the backbones of a student and its old model, and the criterion, in place.

    Args:
        model: The student, with its old model if it has one.
    """
    recorded = tapped_modules(model, [tap for term in model.distillation for tap in term.taps])
    model.criterion.compiled = True
    for network in (model, model.old_model):
        if network is not None:
            for part in unrecorded_parts(network.backbone, 'backbone', recorded):
                part.compile()


def unrecorded_parts(module: nn.Module, name: str, recorded: Collection[str]) -> list[nn.Module]:
    """Find the largest parts of a module that neither are nor hold a recorded module.

    Args:
        module: The module.
        name: Its name in the model.
        recorded: Names of modules whose outputs are recorded.

    Returns:
        The module itself where nothing inside is recorded.
    """
    if not any(f'{other}.'.startswith(f'{name}.') for other in recorded):
        return [module]
    return [
        part
        for child_name, child in module.named_children()
        for part in unrecorded_parts(child, f'{name}.{child_name}', recorded)
    ]


def check_compiler(device: torch.device) -> None:
    """Make sure that ``torch.compile`` works before a long training needs it.

    Args:
        device: Where the training runs.

    Raises:
        InputError: If it does not, such as without a C++ compiler.
    """
    if reason := compile_error(device):
        raise InputError(
            f'compile_backbone (--compile) does not work on this machine: {reason}. A CPU needs a '
            'C++ compiler (g++, or the one that CXX names), a GPU Triton and a C compiler'
        )
