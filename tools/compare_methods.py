"""Train methods on one task, and put them side by side: a table, verdicts and a picture."""

import argparse
import shlex
import sys
from pathlib import Path

from mmseg_incremental.apis import plan_runs
from mmseg_incremental.experiments.arguments import add_run_arguments
from mmseg_incremental.experiments.criteria import EXPECTED, answers
from mmseg_incremental.experiments.method_comparison import (
    JOINT,
    MethodComparison,
    MethodResult,
    method_results,
    method_table,
)
from mmseg_incremental.experiments.tool import end, ending_in_one_line, train_planned
from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.table import write_table
from mmseg_incremental.visualization import draw_old_new_plot

TRAIN = Path(__file__).resolve().parent / 'train.py'
EPILOG = """examples:
  python tools/compare_methods.py configs/comparisons/shapes_4-1.py --seeds 0 1 2
  python tools/compare_methods.py configs/comparisons/shapes_4-1.py --methods FT MiB PLOP

The first row is step 0 as it is, the last learns all classes at once. Step 0 is trained once per
seed for all methods that share it; the same command goes on after an interruption. Choose
hyper-parameters on a part of the training list (train.py --dev), not on test pictures."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('comparison', type=Path, help='file that names the task and the methods')
    parser.add_argument(
        '--methods', nargs='+', default=[], metavar='NAME', help='of the file (default: all)'
    )
    parser.add_argument('--work-dir', help='folder (default: work_dirs/compare_NAME)')
    add_run_arguments(parser)
    return parser.parse_args(argv)


def write_report(comparison: MethodComparison, results: list[MethodResult], stem: Path) -> None:
    """Write and print the table with its verdicts, and draw the picture."""
    console = get_console()
    command = shlex.join(['python', 'tools/compare_methods.py', *sys.argv[1:]])
    notes = [*answers(EXPECTED, results), f'Command: `{command}`']
    table = method_table(comparison.title, results, notes)
    picture = stem.with_suffix('.png')
    files = write_table(table, stem, picture=picture.name)
    points = {r.label: list(zip(r.values['old'], r.values['new'], strict=True)) for r in results}
    draw_old_new_plot(points, JOINT, comparison.title, picture)
    print_table(console, table)
    for path in [*files, picture]:
        console.print(f'wrote {path}', soft_wrap=True)


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    name = args.comparison.stem
    root = Path(args.work_dir or f'work_dirs/compare_{name}')
    with ending_in_one_line():
        comparison = MethodComparison.read(args.comparison)
        runs = comparison.runs(args.seeds, args.cfg_options, args.methods)
        planned = plan_runs(runs, root / 'runs')
        failures = train_planned(planned, root / 'runs', TRAIN, args)
        if failures is not None:
            write_report(comparison, method_results(planned), root / name)
            end(failures, len(planned))


if __name__ == '__main__':
    main()
