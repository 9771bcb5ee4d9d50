"""How the cost of a MiB iteration grows with the number of steps and of classes."""

from benchmarks.harness import Result, medians
from benchmarks.networks import batch, iteration, model_config, student

NUM, CROP = 4, 128


def measure(rounds: int) -> list[Result]:
    """Task sizes that end at 21 or 151 channels; the reference is the plain path."""
    tasks = {f'{steps} steps, 21 classes': _sizes(21, steps) for steps in (2, 5, 10, 20)}
    tasks |= {f'{steps} steps, 151 classes': _sizes(151, steps) for steps in (2, 20)}
    tasks = {'1 step, 21 classes': (21,), **tasks}
    calls = {}
    for name, sizes in tasks.items():
        data = batch(NUM, CROP, sum(sizes), sum(sizes[:-1]))
        for fast in (True, False):
            model = student(model_config('mib', fast, sizes=sizes))
            calls[f'{name} {fast}'] = iteration(model, data)
    found = medians(calls, rounds)
    return [
        Result(f'R18, batch {NUM}, {CROP}x{CROP}, {name}', found[f'{name} True'],
               found[f'{name} False'])
        for name in tasks
    ]  # fmt: skip


def _sizes(channels: int, steps: int) -> tuple[int, ...]:
    """One class per step after the first."""
    return (channels - steps + 1, *(1,) * (steps - 1))
