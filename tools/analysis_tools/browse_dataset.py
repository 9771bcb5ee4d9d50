"""Draw pictures of a step: the picture, its full label, and the label as the step sees it."""

import argparse
import sys
from pathlib import Path

import mmcv
import numpy as np
from mmengine.config import DictAction
from mmseg.registry import DATASETS
from rich.progress import track

from mmseg_incremental.apis import load_sequence
from mmseg_incremental.datasets import label_table
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import Step
from mmseg_incremental.visualization import Example, draw_prediction_grid

EPILOG = """example:
  python tools/analysis_tools/browse_dataset.py configs/bisenet_r101_voc_15-5s_mib.py --step 1"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config leaf')
    parser.add_argument('--step', type=int, required=True, help='the step, counted from 0')
    parser.add_argument(
        '--test', action='store_true', help='pictures and labels of the evaluation after the step'
    )
    parser.add_argument('--number', type=int, default=24, help='how many pictures (default: 24)')
    parser.add_argument('--rows', type=int, default=6, help='pictures per sheet (default: 6)')
    parser.add_argument('--out', help='folder for the sheets (default: WORK_DIR/browse)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='replace config entries, such as data_root=DIR setting=disjoint protocol=plop',
    )
    return parser.parse_args(argv)


def make_examples(step: Step, test: bool, number: int) -> list[Example]:
    """Pictures, spread over the step's list, with both labels.

    Args:
        step: The step.
        test: Whether to take the evaluation's pictures.
        number: How many pictures at most.

    Returns:
        The examples; what the step sees is drawn in the colours of the data set.

    Raises:
        InputError: If the data cannot be used.
    """
    sequence, channels = step.sequence, step.sequence.task.channel_labels(step.index)
    loader = step.config.test_dataloader if test else step.config.train_dataloader
    dataset = DATASETS.build(loader.dataset)
    table = label_table(
        sequence.task, step.index, sequence.setting, sequence.protocol, not test, dataset.any_old
    )
    labels = np.arange(256)
    labels[: len(channels)] = channels
    if dataset.any_old:
        labels[0] = 0  # it stands for any old class, not for the first one
    places = np.linspace(0, len(dataset) - 1, min(number, len(dataset))).round().astype(int)
    examples = []
    for place in track(places, 'Reading pictures', transient=True):
        info = dataset.get_data_info(int(place))
        full = dataset.full_label(int(place))
        maps = {'full label': full, f'as step {step.index} sees it': labels[table[full]]}
        examples.append(Example(mmcv.imread(info['img_path'], channel_order='rgb'), maps))
    return examples


def main(argv: list[str] | None = None) -> None:
    """Run the tool."""
    args = parse_args(argv)
    try:
        sequence = load_sequence(args.config, args.cfg_options)
        examples = make_examples(sequence.step(args.step), args.test, args.number)
    except (InputError, OSError) as error:
        sys.exit(f'error: {error}')
    names = sequence.task.label_names
    folder = Path(args.out or sequence.work_dir.path / 'browse')
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(examples), args.rows):
        split = 'test' if args.test else 'train'
        path = folder / f'{split}_of_step_{args.step}_{first // args.rows}.png'
        draw_prediction_grid(examples[first : first + args.rows], names, path)
        print(f'wrote {path}')


if __name__ == '__main__':
    main()
