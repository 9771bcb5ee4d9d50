"""Add classes to a trained model, from pictures on which only the new classes are labelled."""

import argparse
import sys
from pathlib import Path

from mmengine.config import DictAction
from mmengine.dist import is_main_process

from mmseg_incremental.apis import RunOptions, load_sequence, plan_sequence, run_sequence
from mmseg_incremental.engine.extension_report import describe_extension, label_report
from mmseg_incremental.engine.step_runner import leave_processes, world_size
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import Sequence
from mmseg_incremental.sequence.plan_table import plan_table
from mmseg_incremental.utils.console import get_console, print_table

LEAF = Path(__file__).resolve().parent.parent / 'configs' / 'extend.py'
EPILOG = """examples:
  python tools/extend.py model.py model.pth --add cat --data-root data/cats --dry-run
  python tools/extend.py model.py model.pth --add cat --data-root data/cats --new-val 0.2
  python tools/extend.py work_dirs/extend/step_1.py work_dirs/extend/step_1.pth --add dog \\
      --data-root data/dogs --work-dir work_dirs/extend_again

DIR holds pictures and masks (8-bit PNG), such as images/ and masks/. In a mask the first new class
is 1, the second one 2, ...; 0 is what is not labelled, which may be any old class; 255 is ignored.

WORK_DIR then holds step_1.py and step_1.pth, a plain mmseg model with the new classes, and
report.md; step_0 is the model as it was."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of the model, any of mmseg')
    parser.add_argument('checkpoint', help='its weights')
    parser.add_argument('--add', nargs='+', required=True, metavar='CLASS', help='the new classes')
    parser.add_argument('--data-root', required=True, metavar='DIR', help='the new pictures')
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='names of the channels of the model, where its checkpoint does not have them',
    )
    parser.add_argument(
        '--labels',
        nargs='+',
        default=[],
        metavar='CLASS=VALUE',
        help='values of the new classes in the masks (default: 1, 2, ...)',
    )
    parser.add_argument(
        '--unlabelled',
        nargs='+',
        type=int,
        metavar='VALUE',
        help='values that may be any old class (default: 0)',
    )
    parser.add_argument(
        '--new-val', type=float, metavar='SHARE', help='keep this share of the pictures for a test'
    )
    parser.add_argument(
        '--old-data-root',
        metavar='DIR',
        help='labelled pictures of the old classes, to measure what is forgotten',
    )
    parser.add_argument('--method', help='file of configs/_base_/methods (default: MiB, weight 5)')
    parser.add_argument('--iters', type=int, help='iterations (default: 250)')
    parser.add_argument('--lr', type=float, help='learning rate (default: 0.03)')
    parser.add_argument('--batch-size', type=int, help='pictures per iteration (default: 8)')
    parser.add_argument(
        '--crop-size',
        type=int,
        nargs=2,
        metavar=('HEIGHT', 'WIDTH'),
        help='size of a crop (default: that of the model)',
    )
    parser.add_argument('--work-dir', default='work_dirs/extend', help='(default: %(default)s)')
    parser.add_argument('--resume', action='store_true', help='go on with an interrupted run')
    parser.add_argument(
        '--dry-run', action='store_true', help='say what is understood, and train nothing'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE', help='config entries'
    )
    parser.add_argument(
        '--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none', help='launcher'
    )
    parser.add_argument('--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def read_sequence(args: argparse.Namespace) -> Sequence:
    """The sequence of two steps that the command line describes.

    Raises:
        InputError: If anything cannot be used.
    """
    labels = {}
    if args.labels:
        labels['classes'] = dict(map(_label, args.labels))
    if args.unlabelled is not None:
        labels['unlabelled'] = args.unlabelled
    given = {
        'base.config': args.config,
        'base.checkpoint': args.checkpoint,
        'base.classes': args.classes,
        'task.add': args.add,
        'data_root': args.data_root,
        'labels': labels or None,
        'new_val': args.new_val,
        'old_data_root': args.old_data_root,
        'method': args.method,
        'step_schedule.later.iters': args.iters,
        'step_schedule.later.lr': args.lr,
        'batch_size': args.batch_size,
        'crop_size': args.crop_size and tuple(args.crop_size),
    }
    options = {key: value for key, value in given.items() if value is not None}
    return load_sequence(LEAF, {**options, **(args.cfg_options or {})}, args.work_dir)


def _label(text: str) -> tuple[str, int]:
    name, _, value = text.rpartition('=')
    if not name or not value.isdigit():
        raise InputError(f'--labels takes CLASS=VALUE, such as cat=1, not {text!r}')
    return name, int(value)


def show_plan(sequence: Sequence, options: RunOptions) -> None:
    """Print what is understood of model and data, and what a run would do."""
    print('\n'.join(describe_extension(sequence)))
    table, warnings = label_report(sequence)
    print_table(get_console(), table)
    for warning in warnings:
        print(f'warning: {warning}')
    print_table(get_console(), plan_table(sequence, plan_sequence(sequence, options, world_size())))


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    try:
        sequence = read_sequence(args)
        options = RunOptions(resume=args.resume)
        if args.dry_run:
            show_plan(sequence, options)
            return
        if is_main_process():
            for warning in label_report(sequence)[1]:
                print(f'warning: {warning}')
        run_sequence(sequence, options, args.launcher)
    except InputError as error:
        sys.exit(f'error: {error}' if is_main_process() else 1)
    except KeyboardInterrupt:
        sys.exit('interrupted; go on with --resume')
    finally:
        leave_processes()


if __name__ == '__main__':
    main()
