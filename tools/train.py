"""Train a class-incremental sequence: all its steps, one after the other."""

import argparse
import sys

from mmengine.config import DictAction
from mmengine.dist import is_main_process

from mmseg_incremental.apis import load_config, run_sequence
from mmseg_incremental.engine import plan_sequence, plan_table, use_mixed_precision
from mmseg_incremental.engine.plan import check_backbone_weights
from mmseg_incremental.engine.step_runner import leave_processes, world_size
from mmseg_incremental.errors import InputError
from mmseg_incremental.utils.console import get_console

EPILOG = """examples:
  python tools/train.py configs/bisenet_r101_voc_15-5s_mib.py --dry-run
  python tools/train.py configs/bisenet_r101_voc_15-5s_mib.py --cfg-options data_root=/data/VOC2012
  python tools/train.py configs/bisenet_r101_voc_15-5s_mib.py --resume

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
        '--base',
        metavar='DIR',
        help='take step 0 from this finished sequence in place of training it (its step_0.pth is '
        'copied); methods of one task share their step 0',
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
        'step_schedule.first.lr=0.01 backbone_weights=None',
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


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    try:
        cfg = load_config(args.config, args.cfg_options, args.work_dir)
        if args.amp:
            use_mixed_precision(cfg)
        if args.compile:
            cfg.compile_backbone = True
        if args.auto_scale_lr:
            cfg.auto_scale_lr.enable = True
        if args.dry_run:
            plans = plan_sequence(cfg, args.steps, args.resume, world_size(), args.base)
            get_console().print(plan_table(cfg, plans))
            if problem := check_backbone_weights(cfg.backbone_weights):
                print(f'note: {problem}')
            return
        run_sequence(cfg, args.steps, args.resume, args.launcher, args.base)
    except InputError as error:
        sys.exit(f'error: {error}' if is_main_process() else 1)
    except KeyboardInterrupt:
        sys.exit('interrupted; go on with --resume')
    finally:
        leave_processes()


if __name__ == '__main__':
    main()
