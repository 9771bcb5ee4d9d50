"""Train methods on one task, and put them side by side: a table, verdicts and a picture."""

import argparse
from pathlib import Path

from ..experiments.arguments import add_run_arguments
from ..utils.arguments import command_parser, typed_command

EPILOG = """examples:
  mmseg-incremental compare shapes_4-1 --seeds 0 1 2
  mmseg-incremental compare shapes_4-1 --methods FT MiB PLOP

The first row is step 0 as it is, the last learns all classes at once. Step 0 is trained once per
seed for all methods that share it; the same command goes on after an interruption. Choose
hyper-parameters on a part of the training list (train --dev), not on test pictures."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('comparison', type=Path, help='file that names the task and the methods')
    parser.add_argument(
        '--methods', nargs='+', default=[], metavar='NAME', help='of the file (default: all)'
    )
    parser.add_argument('--work-dir', help='folder (default: work_dirs/compare_NAME)')
    add_run_arguments(parser)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..apis import plan_runs
    from ..experiments.comparison_report import write_report
    from ..experiments.method_comparison import MethodComparison, method_results
    from ..experiments.tool import end, ending_in_one_line, train_planned

    name = args.comparison.stem
    root = Path(args.work_dir or f'work_dirs/compare_{name}')
    with ending_in_one_line(args.quiet):
        comparison = MethodComparison.read(args.comparison)
        runs = comparison.runs(args.seeds, args.cfg_options, args.methods)
        planned = plan_runs(runs, root / 'runs')
        failures = train_planned(planned, root / 'runs', args)
        if failures is not None:
            command = typed_command(__name__, argv)
            write_report(comparison.title, method_results(planned), command, root / name)
            end(failures, len(planned))
