"""What a method costs: short trainings of step 1, each in a process of its own, in turns."""

import json
import multiprocessing
import statistics
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from .. import registration  # noqa: F401  processes of their own start with this module
from ..engine import run_sequence
from ..models import IncrementalEncoderDecoder
from ..sequence import RunOptions, WorkDir, load_sequence

_ITERS = 12
#: What is compiled, allocated and tried out at first is not what every iteration takes.
_WARM_UP = 2
_OPTIONS = {
    'step_schedule.first.iters': 1,
    'step_schedule.later.iters': _ITERS,
    'train_dataloader.num_workers': 0,
    'test_dataloader.num_workers': 0,
    'default_hooks.logger.interval': 1,
}


@dataclass(frozen=True)
class MethodCost:
    """What step 1 of a method takes.

    Args:
        seconds: Median time of an iteration without loading its data.
        memory_mb: Peak beyond what the process held before: of tensors on a GPU, else resident.
        trainable: Number of parameters that learn.
        student_passes: Forward passes of the student per iteration.
        old_passes: Forward passes of the old model per iteration.
        survey_pictures: Pictures that the survey before the step looks at.
    """

    seconds: float
    memory_mb: float
    trainable: int
    student_passes: float
    old_passes: float
    survey_pictures: int


def method_costs(
    leaf: str | Path,
    methods: Sequence[str],
    options: Mapping[str, object],
    folder: Path,
    rounds: int = 3,
) -> dict[str, MethodCost]:
    """Measure methods in turns.

    Args:
        leaf: Config of a task with two steps or more.
        methods: Names of files of ``_base_/methods``.
        options: Config entries of all, such as ``data_root``.
        folder: Empty folder for what the trainings write.
        rounds: Trainings of each method; the fastest counts, for its time.

    Returns:
        Method to its cost.

    Raises:
        InputError: If a method is unknown, or config or data cannot be used.
    """
    found: dict[str, list[MethodCost]] = {name: [] for name in methods}
    context = multiprocessing.get_context('spawn')
    for number in range(rounds):
        for name in methods:
            work_dir = folder / f'{name}_{number}'
            arguments = (str(leaf), name, dict(options), work_dir, torch.get_num_threads())
            with ProcessPoolExecutor(1, context) as pool:
                found[name].append(pool.submit(_measure, *arguments).result())
    return {name: min(costs, key=lambda cost: cost.seconds) for name, costs in found.items()}


def _measure(
    leaf: str, method: str, options: Mapping[str, object], work_dir: Path, threads: int
) -> MethodCost:
    torch.set_num_threads(threads)
    options = {**_OPTIONS, **options, 'method': method}
    sequence = load_sequence(leaf, options, str(work_dir))
    run_sequence(sequence, RunOptions([0]))
    before = _memory(reset=True)
    counts = {'student': 0, 'old': 0, 'survey': 0}
    _count_passes(counts)
    run_sequence(sequence, RunOptions([1], resume=True))
    peak = _memory()
    result = json.loads(WorkDir(work_dir).results.read_text())['steps']['1']
    return MethodCost(
        seconds=_iteration_seconds(WorkDir(work_dir).step_dir(1)),
        memory_mb=(peak - before) / 1e6,
        trainable=result['cost']['trainable_parameters'],
        student_passes=counts['student'] / _ITERS,
        old_passes=counts['old'] / _ITERS,
        survey_pictures=counts['survey'],
    )


def _count_passes(counts: dict[str, int]) -> None:
    """Count forward passes from here on, in this process alone."""
    own = IncrementalEncoderDecoder
    loss, labelled, old_outputs = own.loss, own.labelled_batch, own._old_outputs
    state = {'survey': False}

    def counted_loss(self, inputs, data_samples):
        counts['student'] += not inputs.is_meta  # the plan tries each step without values
        return loss(self, inputs, data_samples)

    def counted_survey(self, inputs, data_samples):
        """Count the pictures that a survey looks at."""
        counts['survey'] += len(inputs)
        state['survey'] = True
        try:
            return labelled(self, inputs, data_samples)
        finally:
            state['survey'] = False

    def counted_old(self, inputs, taps):
        counts['old'] += not (state['survey'] or inputs.is_meta)
        return old_outputs(self, inputs, taps)

    own.loss, own.labelled_batch, own._old_outputs = counted_loss, counted_survey, counted_old


def _iteration_seconds(step_dir: Path) -> float:
    """Median over the logged iterations, without the time for loading."""
    times = []
    for path in sorted(step_dir.glob('*/vis_data/*.json')):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if 'data_time' in entry and 'loss' in entry:
                times.append(entry['time'] - entry['data_time'])
    return statistics.median(times[_WARM_UP:])


def _memory(reset: bool = False) -> float:
    """Peak memory so far, or with ``reset`` what is held now, bytes; the peak is then forgotten."""
    if torch.cuda.is_available():
        if reset:
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated()
        return torch.cuda.max_memory_allocated()
    if reset:
        Path('/proc/self/clear_refs').write_text('5')
    key = 'VmRSS:' if reset else 'VmHWM:'
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(key))
