"""Evaluate a step's checkpoint, or all steps of a work dir, and print mIoU per class group."""

import argparse
from pathlib import Path

import mmseg_incremental.utils.early_interrupt  # noqa: F401  what follows takes seconds

# isort: split
from mmengine.config import DictAction
from mmengine.dist import is_main_process

from mmseg_incremental.apis import evaluate_step, load_sequence
from mmseg_incremental.engine.step_runner import join_processes, leave_processes
from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import SequenceResults, results_table
from mmseg_incremental.sequence import Sequence, WorkDir, load_checkpoint
from mmseg_incremental.sequence.checks import check_work_dir
from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.files import check_can_be_written
from mmseg_incremental.utils.one_line import one_line_errors

EPILOG = """examples:
  python tools/test.py configs/bisenet_r18_shapes_4-1_mib.py work_dirs/bisenet_r18_shapes_4-1_mib
  python tools/test.py CONFIG WORK_DIR/step_1.pth --cfg-options data_root=/data/VOC2012"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='the config leaf that was trained')
    parser.add_argument('checkpoint', help='a step_T.pth, or the work dir that holds them')
    parser.add_argument('--out', help='JSON file for the results, unrounded')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='replace config entries, such as data_root=DIR; use those of the training',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='launcher of a distributed run; tools/dist_test.sh sets it',
    )
    parser.add_argument('--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def find_checkpoints(path: Path) -> dict[int, Path]:
    """Steps and their checkpoints.

    Args:
        path: A checkpoint or a work dir.

    Returns:
        Step to checkpoint.

    Raises:
        InputError: If there is none, or the file is not a step's checkpoint.
    """
    if path.is_dir():
        found = WorkDir(path).checkpoints()
        if not found:
            raise InputError(f'{path}: holds no finished step')
        return found
    meta = load_checkpoint(path).get('meta') or {}
    if 'step' not in meta:
        raise InputError(f'{path}: not the checkpoint of a step')
    return {meta['step']: path}


def compare(results: SequenceResults, path: Path) -> str:
    """Say whether the results are those that training wrote.

    Args:
        results: Results of this evaluation.
        path: Those of training.

    Returns:
        A line for the terminal.
    """
    if not path.is_file():
        return f'{path} not found, nothing to compare with'
    trained = SequenceResults.load(path).steps
    different = [
        f'step {step} {kind}'
        for step, result in results.steps.items()
        for kind, value in result.items()
        if trained.get(step, {}).get(kind) != value
    ]
    if different:
        return f'differs from {path} in {", ".join(different)}'
    return f'the same as in {path}, to the last digit'


def evaluate(sequence: Sequence, checkpoints: dict[int, Path], launcher: str) -> SequenceResults:
    """Evaluate all checkpoints."""
    results = SequenceResults(sequence.description)
    for step, path in checkpoints.items():
        results.record(step, evaluate_step(sequence.step(step), path, launcher))
    return results


def report(results: SequenceResults, trained: Path, out: str | None) -> None:
    """Print the results, compare them with those of training, and write them if asked."""
    if not is_main_process():
        return
    console = get_console()
    print_table(console, results_table(results))
    console.print(compare(results, trained))
    if out:
        results.save(out)
        console.print(f'wrote {out}')


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    path = Path(args.checkpoint)
    try:
        with one_line_errors():
            sequence = load_sequence(args.config, args.cfg_options, str(WorkDir.of(path).path))
            check_work_dir(sequence)
            checkpoints = find_checkpoints(path)
            if args.out:
                check_can_be_written(args.out)
            join_processes(args.launcher, sequence.cfg.get('env_cfg', {}))
            results = evaluate(sequence, checkpoints, args.launcher)
            report(results, sequence.work_dir.results, args.out)
    finally:
        leave_processes()


if __name__ == '__main__':
    main()
