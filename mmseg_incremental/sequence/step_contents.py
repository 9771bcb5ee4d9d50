"""What the pictures of every step of a sequence hold."""

from mmseg.registry import DATASETS

from ..datasets.background_shift import StepContent, step_contents
from .picture_lists import without_memory
from .sequence import Sequence


def read_step_contents(sequence: Sequence) -> list[StepContent]:
    """Count what the training pictures of every step hold, without remembered ones.

    Args:
        sequence: The sequence.

    Returns:
        What each step holds; a step that was trained elsewhere is left out.

    Raises:
        DataError: If the data are broken.
    """
    steps = [sequence.step(index) for index in range(sequence.num_steps)]
    training = [
        DATASETS.build(without_memory(step.config.train_dataloader.dataset))
        for step in steps
        if not step.is_given
    ]
    test = (steps[-1].config.get('test_dataloader') or {}).get('dataset')
    return step_contents(training, DATASETS.build(test).picture_paths if test else ())
