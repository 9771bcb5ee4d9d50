"""Run a config with every combination of option values, and with several seeds."""

import argparse
from pathlib import Path

from ..experiments.arguments import add_run_arguments
from ..utils.arguments import command_parser, positive

EPILOG = """examples:
  the learning-rate search of the paper's section 3.2:
    mmseg-incremental sweep bisenet_r101_voc_offline --grid step_schedule.first.lr=0.1,0.01,0.001
  its second stage, around the best:
    mmseg-incremental sweep bisenet_r101_voc_offline --grid step_schedule.first.lr=0.025,0.05,0.075
  alpha and gamma of the focal loss, three seeds:
    mmseg-incremental sweep bisenet_r101_voc_15-5_mib --cfg-options method=fuce \\
        --seeds 0 1 2 --grid method.loss.alpha=1,2,3 --grid method.loss.gamma=1,1.5,2

  how much is the order of the classes:
    mmseg-incremental sweep bisenet_r18_shapes_4-1_mib --orders 5

Every combination has its own work dir below the sweep's; the same command goes on after an
interruption, and finished runs are not run again. Values with commas go in round brackets:
--grid 'crop_size=(320,320),(392,392)'"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('config', help='config leaf, such as bisenet_r101_voc_15-5_mib')
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


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..apis import grid_runs, plan_runs
    from ..experiments.grid import parse_grid
    from ..experiments.summary import report_summary
    from ..experiments.tool import end, ending_in_one_line, train_planned

    name = Path(args.config).stem
    root = Path(args.work_dir or f'work_dirs/sweep_{name}')
    with ending_in_one_line(args.quiet):
        options = {**args.cfg_options, **({} if args.dev is None else {'dev': args.dev})}
        runs = grid_runs(args.config, parse_grid(args.grid), args.seeds, options, args.orders)
        planned = plan_runs(runs, root)
        failures = train_planned(planned, root, args)
        if failures is not None:
            report_summary(planned, failures, name, root / 'summary')
            end(failures, len(planned))
