"""Classifiers of the classes that later steps will learn, as DFT* allocates them at step 0."""

from mmseg.registry import TASK_UTILS

from ...tasks import Task


@TASK_UTILS.register_module()
class FutureClasses:
    """One extra classifier for every later step, named by the step's number.

    A loss over all channels teaches them what their classes are not; at its own step a classifier
    goes on from there, since extra channels of that name fill the new classifier.

    Example:
        >>> task = Task('pets', 'tiny', ('cat', 'dog', 'hen'), ((1,), (2,), (3,)))
        >>> FutureClasses()(task, step=0)
        {'1': 1, '2': 1}
    """

    def __call__(self, task: Task, step: int) -> dict[str, int]:
        """Name the extra channels of a step.

        Args:
            task: The whole task; the number of classes to come must be known.
            step: The step.

        Returns:
            Number of every later step, as text, to the number of its classes.
        """
        later = range(step + 1, task.num_steps)
        return {str(number): len(task.new_classes(number)) for number in later}
