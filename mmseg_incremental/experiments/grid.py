"""Every combination of option values, as runs."""

import argparse
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from ..utils.arguments import KeyValues
from .run import Run, option_text


def grid_runs(
    config: str,
    grid: Mapping[str, Sequence[object]],
    seeds: Sequence[int] = (0,),
    common: Mapping[str, object] | None = None,
    orders: int = 1,
) -> list[Run]:
    """Every combination of option values, with every order of learning and every seed.

    Args:
        config: Path of the config leaf.
        grid: Config entry, by dotted key, to the values that it takes.
        seeds: The seeds.
        common: Config entries that all runs share and that change no result.
        orders: Number of orders of learning: the task's own, and random ones.

    Returns:
        The runs, seeds side by side, then orders.

    Example:
        >>> runs = grid_runs('mib.py', {'lr': [0.1, 0.2]}, seeds=[0, 1])
        >>> [run.name for run in runs]
        ['mib_lr=0.1_seed=0', 'mib_lr=0.1_seed=1', 'mib_lr=0.2_seed=0', 'mib_lr=0.2_seed=1']
    """
    runs = []
    for values in itertools.product(*grid.values()):
        options = dict(zip(grid, values, strict=True))
        label = ', '.join(f'{key}={option_text(value)}' for key, value in options.items())
        label = label or Path(config).stem
        runs += [
            Run(config, options, seed, label, dict(common or {}), order)
            for order in range(orders)
            for seed in seeds
        ]
    return runs


def parse_grid(entries: list[list[str]]) -> dict[str, list]:
    """Values of every config entry.

    Args:
        entries: ``KEY=V1,V2`` texts as the command line gives them.

    Returns:
        Key to its values.

    Raises:
        InputError: If a text has no such form, or a key comes twice.
    """
    grid: dict[str, list] = {}
    for text in (text for group in entries for text in group):
        key, equals, values = text.partition('=')
        if not (key and equals and values):
            raise InputError(f'--grid {text}: expected KEY=V1,V2,...')
        if key in grid:
            raise InputError(f'--grid names {key} twice; give all its values at once')
        grid[key] = _parse(text)[key]
    return {key: found if isinstance(found, list) else [found] for key, found in grid.items()}


def _parse(text: str) -> dict[str, object]:
    """Read ``KEY=VALUES`` as ``--cfg-options`` does."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--grid', nargs='+', action=KeyValues)
    return parser.parse_args(['--grid', text]).grid
