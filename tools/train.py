"""Train a class-incremental sequence: all its steps, one after the other."""

import argparse

import mmseg_incremental.utils.early_interrupt  # noqa: F401  what follows takes seconds

# isort: split
from mmengine.config import DictAction

from mmseg_incremental.apis import RunOptions, load_sequence, plan_sequence, run_sequence
from mmseg_incremental.engine.step_runner import leave_processes, world_size
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import Sequence
from mmseg_incremental.sequence.backbone_weights import check_backbone_weights
from mmseg_incremental.sequence.plan_table import plan_table
from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.loggers import LOGGERS
from mmseg_incremental.utils.one_line import one_line_errors

EPILOG = """examples:
  python tools/train.py configs/bisenet_r101_voc_15-5s_mib.py --dry-run
  python tools/train.py configs/bisenet_r101_voc_15-5s_mib.py --cfg-options data_root=/data/VOC2012
  python tools/train.py configs/bisenet_r101_voc_15-5s_mib.py --resume
  python tools/train.py configs/bisenet_r101_voc_15-5s_mib.py --cfg-options method=plop

WORK_DIR then holds step_T.pth (weights) and step_T.py (the plain mmseg config that loads them)
for every step T, results.json, pictures/, and the logs in step_T/."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config leaf, such as configs/bisenet_r18_shapes_4-1_mib.py')
    parser.add_argument(
        '--work-dir', help='folder for checkpoints and results (default: work_dirs/CONFIG_NAME)'
    )
    parser.add_argument(
        '--steps', type=int, nargs='+', metavar='T', help='steps to run (default: all)'
    )
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on with an interrupted sequence, also inside a step; finished steps are kept',
    )
    parser.add_argument(
        '--overwrite-step',
        type=int,
        nargs='+',
        default=[],
        metavar='T',
        help='train these steps again although they are done',
    )
    parser.add_argument(
        '--restart-step',
        type=int,
        nargs='+',
        default=[],
        metavar='T',
        help='train these steps, which are begun but not done, from their start; with --resume '
        'where steps before them are done',
    )
    parser.add_argument(
        '--base',
        metavar='DIR',
        help='take step 0 from this finished sequence in place of training it (its step_0.pth is '
        'copied); methods of one task share their step 0',
    )
    parser.add_argument(
        '--joint',
        metavar='DIR',
        help='work dir of a finished run that learnt all classes at once; results.json then also '
        'holds every group as a share of what it reached',
    )
    parser.add_argument(
        '--dev',
        type=float,
        metavar='SHARE',
        help='hold back this share of the training list and evaluate on it in place of the test '
        'pictures, to choose hyper-parameters',
    )
    parser.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: bfloat16 on a GPU or CPU that computes in it, float16 on other GPUs',
    )
    parser.add_argument(
        '--compile',
        action='store_true',
        help='compile the backbone with torch.compile; on a CPU this needs a C++ compiler',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the batch size over all processes, '
        'LR_new = LR_old * B_new / B_old, with B_old = auto_scale_lr.base_batch_size',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='replace config entries, such as data_root=DIR setting=disjoint batch_size=16 '
        'step_schedule.first.lr=0.01 backbone_weights=None; method=NAME, model=NAME, task=NAME, '
        'schedule=NAME and dataset=NAME choose files of _base_',
    )
    parser.add_argument(
        '--log',
        nargs='+',
        choices=LOGGERS,
        default=(),
        metavar='LOGGER',
        help='tensorboard, wandb: one run of each for the whole sequence',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='launcher of a distributed run; tools/dist_train.sh sets it',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='check everything, print the step table and stop',
    )
    parser.add_argument('--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def read_sequence(args: argparse.Namespace) -> Sequence:
    """The sequence that the command line describes."""
    options = dict(args.cfg_options or {})
    switches = {
        'amp': args.amp,
        'compile_backbone': args.compile,
        'auto_scale_lr.enable': args.auto_scale_lr,
    }
    options.update({key: True for key, wanted in switches.items() if wanted})
    if args.dev is not None:
        options['dev'] = args.dev
    return load_sequence(args.config, options, args.work_dir)


def show_plan(sequence: Sequence, options: RunOptions) -> None:
    """Print what a run would do."""
    plans = plan_sequence(sequence, options, world_size())
    print_table(get_console(), plan_table(sequence, plans))
    try:
        note = check_backbone_weights(sequence)
    except InputError as error:
        note = str(error)
    if note:
        print(f'note: {note}')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    try:
        with one_line_errors('interrupted; go on with --resume'):
            sequence = read_sequence(args)
            options = RunOptions(
                args.steps,
                args.resume,
                args.base,
                tuple(args.overwrite_step),
                tuple(args.restart_step),
                args.joint,
                args.log,
            )
            if args.dry_run:
                show_plan(sequence, options)
            else:
                run_sequence(sequence, options, args.launcher)
    finally:
        leave_processes()


if __name__ == '__main__':
    main()
