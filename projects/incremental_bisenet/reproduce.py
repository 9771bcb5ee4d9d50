"""Tables and figures of the paper, as the command ``reproduce`` makes them."""

import argparse
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import torch

from mmseg_incremental.apis import plan_runs
from mmseg_incremental.experiments.run import PlannedRun, Run
from mmseg_incremental.experiments.tool import end, train_planned
from mmseg_incremental.utils.console import get_console, print_table

from .focal_loss_figure import draw_focal_loss_figure
from .report import write_report
from .table1 import reproduce_table1
from .tables import PaperTable, Row, paper_table


def reproduce(args: argparse.Namespace, command: str) -> None:
    """Make what the command line asks for.

    Args:
        args: Parsed arguments of the command.
        command: The command line, for the report.

    Raises:
        InputError: If config, data or memory cannot be used.
        SystemExit: If a run failed.
    """
    root = Path(args.work_dir or f'work_dirs/reproduce_{args.schedule}')
    if args.item == 'figure8':
        root.mkdir(parents=True, exist_ok=True)
        draw_focal_loss_figure(root / 'figure8.png')
        print(f'wrote {root / "figure8.png"}')
    elif args.item == 'table1':
        for path in reproduce_table1(args.memory_gb, root / 'table1', get_console()):
            print(f'wrote {path}')
    else:
        reproduce_table(args, root, command)


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
        (place, seed): Run(row.config, row.options, seed, row.label, common)
        for place, row in enumerate(table.rows)
        for seed in args.seeds
    }
    different = {run.name: run for run in runs.values()}
    planned = {item.run.name: item for item in plan_runs(list(different.values()), root)}
    return [
        (row, [planned[runs[place, seed].name] for seed in args.seeds])
        for place, row in enumerate(table.rows)
    ]


def reproduce_table(args: argparse.Namespace, root: Path, command: str) -> None:
    """Run what a table needs, and write it.

    Raises:
        InputError: If config or data cannot be used.
        SystemExit: If a run failed.
    """
    console = get_console()
    table = paper_table(args.item, args.schedule)
    rows = plan_rows(table, args, root / 'runs')
    planned = list({item.run.name: item for _, items in rows for item in items}.values())
    failures = train_planned(planned, root / 'runs', args)
    if failures is None:
        return
    facts = {
        'Command': f'`{command}`',
        'Schedule': args.schedule,
        'Setting': _settings(planned),
        'Seeds': ', '.join(map(str, args.seeds)),
        'Machine': machine(),
    }
    report = write_report(table, rows, failures, facts, root / args.item)
    print_table(console, report.table)
    for path in report.files:
        console.print(f'wrote {path}', soft_wrap=True)
    end(failures, len(planned))


def _settings(planned: Sequence[PlannedRun]) -> str:
    # a training of all classes at once has every picture in any setting
    found = {i.sequence.setting for i in planned if i.sequence.num_steps > 1}
    return ', '.join(sorted(found)) or 'all classes at once'


def machine() -> str:
    """The machine and PyTorch, in a few words."""
    gpus = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    device = ', '.join(gpus) or 'no GPU'
    return f'{platform.machine()}, {os.cpu_count()} cores, {device}; torch {torch.__version__}'
