"""Evaluation of finished steps once more, compared with what training measured."""

from pathlib import Path

from mmengine.dist import is_main_process

from ..evaluation import SequenceResults, results_table
from ..sequence.sequence import Sequence
from ..utils.console import get_console, print_table
from .evaluate import evaluate_step


def compare(results: SequenceResults, path: Path) -> str:
    """Say whether the results are those that training wrote.

    Args:
        results: Results of this evaluation.
        path: Those of training.

    Returns:
        A line for the terminal.
    """
    if not path.is_file():
        return f'{path} not found, nothing to compare with'
    trained = SequenceResults.load(path).steps
    different = [
        f'step {step} {kind}'
        for step, result in results.steps.items()
        for kind, value in result.items()
        if trained.get(step, {}).get(kind) != value
    ]
    if different:
        return f'differs from {path} in {", ".join(different)}'
    return f'the same as in {path}, to the last digit'


def evaluate(sequence: Sequence, checkpoints: dict[int, Path], launcher: str) -> SequenceResults:
    """Evaluate all checkpoints."""
    results = SequenceResults(sequence.description)
    for step, path in checkpoints.items():
        results.record(step, evaluate_step(sequence.step(step), path, launcher))
    return results


def report(results: SequenceResults, trained: Path, out: str | None) -> None:
    """Print the results, compare them with those of training, and write them if asked."""
    if not is_main_process():
        return
    console = get_console()
    print_table(console, results_table(results))
    console.print(compare(results, trained))
    if out:
        results.save(out)
        console.print(f'wrote {out}')
