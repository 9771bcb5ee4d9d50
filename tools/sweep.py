"""Run a config with every combination of option values, and with several seeds."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.config import DictAction

from mmseg_incremental.apis import grid_runs, plan_runs
from mmseg_incremental.errors import InputError
from mmseg_incremental.experiments.arguments import add_run_arguments, positive
from mmseg_incremental.experiments.run import PlannedRun
from mmseg_incremental.experiments.summary import summarize, summary_table, write_summary
from mmseg_incremental.experiments.tool import end, ending_in_one_line, train_planned
from mmseg_incremental.utils.console import get_console, print_table

TRAIN = Path(__file__).resolve().parent / 'train.py'
EPILOG = """examples:
  the learning-rate search of the paper's section 3.2:
    python tools/sweep.py configs/bisenet_r101_voc_offline.py --grid step_schedule.first.lr=0.1,0.01,0.001
  its second stage, around the best:
    python tools/sweep.py configs/bisenet_r101_voc_offline.py --grid step_schedule.first.lr=0.025,0.05,0.075
  alpha and gamma of the focal loss, three seeds:
    python tools/sweep.py configs/bisenet_r101_voc_15-5_mib.py --cfg-options method=fuce \\
        --seeds 0 1 2 --grid method.loss.alpha=1,2,3 --grid method.loss.gamma=1,1.5,2

  how much is the order of the classes:
    python tools/sweep.py configs/bisenet_r18_shapes_4-1_mib.py --orders 5

Every combination has its own work dir below the sweep's; the same command goes on after an
interruption, and finished runs are not run again. Values with commas go in round brackets:
--grid 'crop_size=(320,320),(392,392)'"""  # noqa: E501


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config leaf, such as configs/bisenet_r101_voc_15-5_mib.py')
    parser.add_argument(
        '--grid',
        action='append',
        nargs='+',
        default=[],
        metavar='KEY=V1,V2',
        help='values of a config entry; several entries are combined',
    )
    parser.add_argument(
        '--orders',
        type=positive,
        default=1,
        metavar='N',
        help="learn the classes in N orders, the task's own and N - 1 random ones; the table has "
        'their mean, spread and worst',
    )
    parser.add_argument(
        '--dev',
        type=float,
        metavar='SHARE',
        help='hold back this share of the training list and evaluate on it, to choose values '
        'without the test pictures',
    )
    parser.add_argument('--work-dir', help='folder (default: work_dirs/sweep_CONFIG_NAME)')
    add_run_arguments(parser)
    return parser.parse_args(argv)


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
    parser.add_argument('--grid', nargs='+', action=DictAction)
    return parser.parse_args(['--grid', text]).grid


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    root = Path(args.work_dir or f'work_dirs/sweep_{Path(args.config).stem}')
    with ending_in_one_line():
        options = {**args.cfg_options, **({} if args.dev is None else {'dev': args.dev})}
        runs = grid_runs(args.config, parse_grid(args.grid), args.seeds, options, args.orders)
        planned = plan_runs(runs, root)
        failures = train_planned(planned, root, TRAIN, args)
        if failures is not None:
            write_report(planned, failures, args, root / 'summary')
            end(failures, len(planned))


def write_report(
    planned: Sequence[PlannedRun], failures: Mapping[str, str], args: argparse.Namespace, stem: Path
) -> None:
    """Print the table of all runs, and write it."""
    console = get_console()
    groups = summarize(planned, failures)
    title = f'{Path(args.config).stem}: mIoU (%) after the last step, mean ± standard deviation'
    print_table(console, summary_table(groups, title))
    for path in write_summary(groups, title, stem):
        console.print(f'wrote {path}', soft_wrap=True)


if __name__ == '__main__':
    main()
