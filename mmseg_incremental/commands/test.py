"""Evaluate a step's checkpoint, or all steps of a work dir, and print mIoU per class group."""

import argparse
from pathlib import Path

from ..utils.arguments import add_cfg_options, add_launcher, add_quiet, command_parser

EPILOG = """examples:
  mmseg-incremental test CONFIG WORK_DIR
  mmseg-incremental test CONFIG WORK_DIR/step_1.pth --cfg-options data_root=/data/VOC2012"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument('config', help='the config leaf that was trained')
    parser.add_argument('checkpoint', type=Path, help='a step_T.pth, or the work dir of them')
    parser.add_argument('--out', help='JSON file for the results, unrounded')
    add_cfg_options(
        parser, 'replace config entries, such as data_root=DIR; use those of the training'
    )
    add_quiet(parser)
    add_launcher(parser, 'tools/dist_test.sh')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    from ..apis import load_sequence
    from ..engine.evaluate_run import evaluate, report
    from ..engine.step_runner import join_processes, leave_processes
    from ..sequence import WorkDir
    from ..sequence.checks import check_work_dir
    from ..sequence.finished_step import find_checkpoints
    from ..utils.files import check_can_be_written
    from ..utils.one_line import one_line_errors
    from ..utils.quiet import quiet

    try:
        with one_line_errors(), quiet(args.quiet):
            work_dir = WorkDir.of(args.checkpoint).path
            sequence = load_sequence(args.config, args.cfg_options, str(work_dir))
            check_work_dir(sequence)
            checkpoints = find_checkpoints(args.checkpoint)
            if args.out:
                check_can_be_written(args.out)
            join_processes(args.launcher, sequence.cfg.get('env_cfg', {}))
            results = evaluate(sequence, checkpoints, args.launcher)
            report(results, sequence.work_dir.results, args.out)
    finally:
        leave_processes()
