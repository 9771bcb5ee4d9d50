"""Train a class-incremental sequence: all its steps, one after the other."""

import argparse

from ..utils.arguments import (
    PROGRAM,
    add_cfg_options,
    add_launcher,
    add_quiet,
    command_parser,
)
from ..utils.loggers import LOGGERS
from ..utils.shipped import leaf_names

EPILOG = """examples:
  mmseg-incremental train bisenet_r18_shapes_4-1_mib --dry-run
  mmseg-incremental train CONFIG --cfg-options data_root=/data/VOC2012
  mmseg-incremental train CONFIG --resume
  mmseg-incremental train CONFIG --cfg-options method=plop

WORK_DIR then holds step_T.pth (weights) and step_T.py (the plain mmseg config that loads them)
for every step T, results.json, pictures/, and the logs in step_T/."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = command_parser(__name__, __doc__, EPILOG)
    parser.add_argument(
        'config',
        nargs='?',
        help='config leaf: a path, or the name of one that comes along (without one all are named)',
    )
    parser.add_argument(
        '--work-dir', help='folder for checkpoints and results (default: work_dirs/CONFIG_NAME)'
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='check everything, print the step table and stop'
    )
    _add_steps(parser.add_argument_group('which steps'))
    _add_measures(parser.add_argument_group('what is measured'))
    _add_loggers(parser.add_argument_group('where it is told'))
    _add_computing(parser.add_argument_group('how it is computed'))
    add_cfg_options(
        parser,
        'replace config entries, such as data_root=DIR setting=disjoint batch_size=16 '
        'step_schedule.first.lr=0.01 backbone_weights=None; method=NAME, model=NAME, task=NAME, '
        'schedule=NAME and dataset=NAME choose files of _base_',
    )
    add_quiet(parser)
    add_launcher(parser, 'tools/dist_train.sh')
    return parser.parse_args(argv)


def _add_steps(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--steps', type=int, nargs='+', metavar='T', help='steps to run (default: all)'
    )
    group.add_argument(
        '--resume',
        action='store_true',
        help='go on with an interrupted sequence, also inside a step; finished steps are kept',
    )
    group.add_argument(
        '--overwrite-step',
        type=int,
        nargs='+',
        default=[],
        metavar='T',
        help='train these steps again although they are done',
    )
    group.add_argument(
        '--restart-step',
        type=int,
        nargs='+',
        default=[],
        metavar='T',
        help='train these steps, which are begun but not done, from their start; with --resume '
        'where steps before them are done',
    )
    group.add_argument(
        '--base',
        metavar='DIR',
        help='take step 0 from this finished sequence in place of training it (its step_0.pth is '
        'copied); methods of one task share their step 0',
    )


def _add_measures(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--joint',
        metavar='DIR',
        help='work dir of a finished run that learnt all classes at once; results.json then also '
        'holds every group as a share of what it reached',
    )
    group.add_argument(
        '--dev',
        type=float,
        metavar='SHARE',
        help='hold back this share of the training list and evaluate on it in place of the test '
        'pictures, to choose hyper-parameters',
    )


def _add_loggers(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--log',
        nargs='+',
        choices=LOGGERS,
        default=(),
        metavar='LOGGER',
        help=f'{", ".join(LOGGERS)}: one run of each for the whole sequence',
    )


def _add_computing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--amp',
        action='store_true',
        help='mixed precision: bfloat16 on a GPU or CPU that computes in it, float16 on other GPUs',
    )
    group.add_argument(
        '--compile',
        action='store_true',
        help='compile the backbone with torch.compile; on a CPU this needs a C++ compiler',
    )
    group.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by the batch size over all processes, '
        'LR_new = LR_old * B_new / B_old, with B_old = auto_scale_lr.base_batch_size',
    )


def config_options(args: argparse.Namespace) -> dict[str, object]:
    """Config entries that the command line sets, by dotted key."""
    switches = {
        'amp': args.amp,
        'compile_backbone': args.compile,
        'auto_scale_lr.enable': args.auto_scale_lr,
    }
    options = {**args.cfg_options, **{key: True for key, wanted in switches.items() if wanted}}
    return options if args.dev is None else {**options, 'dev': args.dev}


def main(argv: list[str] | None = None) -> None:
    """Run the command."""
    args = parse_args(argv)
    if args.config is None:
        print('\n'.join(['config leaves:', *(f'  {name}' for name in leaf_names())]))
        print(f'{PROGRAM} train NAME --dry-run shows what one does')
        return
    from ..apis import RunOptions, load_sequence, run_sequence
    from ..engine.advice import show_plan, tell_what_is_next
    from ..engine.step_runner import leave_processes
    from ..utils.one_line import one_line_errors
    from ..utils.quiet import quiet

    try:
        with one_line_errors('interrupted; go on with --resume'), quiet(args.quiet):
            sequence = load_sequence(args.config, config_options(args), args.work_dir)
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
                tell_what_is_next(sequence)
    finally:
        leave_processes()
