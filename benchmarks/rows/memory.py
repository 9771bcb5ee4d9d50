"""Memory of a MiB iteration against batch and crop."""

from collections.abc import Callable

from benchmarks.harness import Result, peak_megabytes
from benchmarks.networks import batch, iteration, model_config, student


def prepare(fast_path: bool, num: int, crop: int) -> Callable[[], None]:
    """A call of the second iteration; the first makes the optimiser's state."""
    once = iteration(student(model_config('mib', fast_path)), batch(num, crop))
    once()
    return once


def measure(rounds: int) -> list[Result]:
    """Peak beyond networks, optimiser and batch, fast and plain."""
    results = []
    for num, crop in ((2, 256), (4, 256), (8, 256), (4, 384), (4, 512)):
        peaks = [peak_megabytes(prepare, fast, num, crop) for fast in (True, False)]
        results.append(Result(f'R18, batch {num}, {crop}x{crop}', *peaks, unit='MB'))
    return results
