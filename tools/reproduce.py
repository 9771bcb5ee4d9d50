"""Regenerate a table or figure of the paper, and print the paper's values beside ours."""

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from mmseg_incremental.apis import plan_runs
from mmseg_incremental.experiments.arguments import add_run_arguments
from mmseg_incremental.experiments.run import PlannedRun, Run
from mmseg_incremental.experiments.tool import end, ending_in_one_line, train_planned
from mmseg_incremental.utils.console import get_console, print_table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'projects'))

from incremental_bisenet.focal_loss_figure import draw_focal_loss_figure
from incremental_bisenet.report import write_report
from incremental_bisenet.table1 import reproduce_table1
from incremental_bisenet.tables import PaperTable, Row, paper_table

HERE = Path(__file__).resolve().parent
CONFIGS = HERE.parent / 'configs'
EPILOG = """examples:
  python tools/reproduce.py table4 --data-root data/VOC2012 --seeds 0 1 2
  python tools/reproduce.py table4 --schedule short --data-root data/VOC2012 --dry-run
  python tools/reproduce.py table5 --schedule short --data-root data/VOC2012
  python tools/reproduce.py table1 --memory-gb 4
  python tools/reproduce.py fixed_channels --schedule short --data-root data/VOC2012
  python tools/reproduce.py figure8

Tables 4 and 5 use the disjoint setting, the default of the paper's code and of MiB's. The schedule
"paper" is the paper's own recipe. "short" is for a machine without a GPU: cat, dog,
horse and person, then cow and sheep at once or one by one, ResNet-18, crop 128. The same command
goes on after an interruption; step 0 is trained once for all methods of a task, and tables share
the runs that they have in common. The ImageNet weights are those that the configs name
(weights/resnet18_in1k.pth; tools/download_weights.py fetches them) or --backbone-weights FILE."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    items = ['table1', 'table2', 'table3', 'table4', 'table5', 'fixed_channels', 'figure8']
    parser.add_argument('item', choices=items, help='what to regenerate')
    parser.add_argument('--data-root', help='folder of Pascal VOC (default: that of the configs)')
    parser.add_argument(
        '--schedule', choices=['paper', 'short'], default='paper', help='default: paper'
    )
    parser.add_argument('--work-dir', help='folder (default: work_dirs/reproduce_SCHEDULE)')
    parser.add_argument(
        '--backbone-weights',
        metavar='FILE',
        help='ImageNet weights in place of those that the configs name; None for random weights',
    )
    parser.add_argument(
        '--memory-gb', type=float, help='table1: memory budget; needed where there is no GPU'
    )
    add_run_arguments(parser)
    return parser.parse_args(argv)


def common_options(args: argparse.Namespace) -> dict[str, object]:
    """Config entries that all runs share."""
    options = dict(args.cfg_options)
    if args.data_root:
        options['data_root'] = args.data_root
    if args.backbone_weights:
        weights = args.backbone_weights
        options['backbone_weights'] = None if weights == 'None' else weights
    return options


def plan_rows(
    table: PaperTable, args: argparse.Namespace, root: Path
) -> list[tuple[Row, Sequence[PlannedRun]]]:
    """Plan the runs of every row; rows that are the same run share it.

    Raises:
        InputError: If config or data cannot be used.
    """
    common = common_options(args)
    runs = {
        (place, seed): Run(str(CONFIGS / f'{row.config}.py'), row.options, seed, row.label, common)
        for place, row in enumerate(table.rows)
        for seed in args.seeds
    }
    different = {run.name: run for run in runs.values()}
    planned = {item.run.name: item for item in plan_runs(list(different.values()), root)}
    return [
        (row, [planned[runs[place, seed].name] for seed in args.seeds])
        for place, row in enumerate(table.rows)
    ]


def reproduce_table(args: argparse.Namespace, root: Path) -> None:
    """Run what a table needs, and write it.

    Raises:
        InputError: If config or data cannot be used.
        SystemExit: If a run failed.
    """
    console = get_console()
    table = paper_table(args.item, args.schedule)
    rows = plan_rows(table, args, root / 'runs')
    planned = list({item.run.name: item for _, items in rows for item in items}.values())
    failures = train_planned(planned, root / 'runs', HERE / 'train.py', args)
    if failures is None:
        return
    facts = {
        'Command': f'`{shlex.join(["python", "tools/reproduce.py", *sys.argv[1:]])}`',
        'Schedule': args.schedule,
        'Setting': ', '.join(sorted({i.sequence.setting for i in planned})),
        'Seeds': ', '.join(map(str, args.seeds)),
        'Machine': machine(),
    }
    report = write_report(table, rows, failures, facts, root / args.item)
    print_table(console, report.table)
    for path in report.files:
        console.print(f'wrote {path}', soft_wrap=True)
    end(failures, len(planned))


def machine() -> str:
    """The machine and PyTorch, in a few words."""
    gpus = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    device = ', '.join(gpus) or 'no GPU'
    return f'{platform.machine()}, {os.cpu_count()} cores, {device}; torch {torch.__version__}'


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    root = Path(args.work_dir or f'work_dirs/reproduce_{args.schedule}')
    with ending_in_one_line():
        if args.item == 'figure8':
            root.mkdir(parents=True, exist_ok=True)
            draw_focal_loss_figure(root / 'figure8.png')
            print(f'wrote {root / "figure8.png"}')
        elif args.item == 'table1':
            for path in reproduce_table1(CONFIGS, args.memory_gb, root / 'table1', get_console()):
                print(f'wrote {path}')
        else:
            reproduce_table(args, root)


if __name__ == '__main__':
    main()
