"""A class added to stock mmseg models by the command, over seeds.

Stock mmseg trains a model on five rendered shapes, or on five of six without a background; then
the command ``extend`` adds the sixth from pictures on which it alone is labelled. The table says
what the old classes lost, and what the new one reached. In a clone:
``PYTHONPATH=projects:tests python -m extension.compare ROOT``.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from stock_models import stock_config, train_stock

from mmseg_incremental.preparation.shapes import render

from .extending import class_iou, extend, mean, write_spreads

CLASSES = ['disc', 'square', 'triangle', 'star', 'ring', 'cross']
NEW = 6
#: Iterations of each stock model; a transformer from random weights needs more of them.
ITERS = {'bisenetv1': 300, 'aspp_r18': 300, 'segformer_b0': 1500}
#: Options of the command.
VARIANTS = {'default': {}, 'ft': {'method': 'ft', 'step_schedule.later.lr': 0.03}}


def masks(background: bool) -> dict:
    """Function of the full label for each folder; None leaves a picture out."""

    def old(label: np.ndarray) -> np.ndarray | None:
        return None if (label == NEW).any() else full(label)

    def full(label: np.ndarray) -> np.ndarray:
        # without a background the classes begin at 0, and stock mmseg takes 255 for unlabelled
        shifted = np.where((label == 0) | (label == 255), 255, label - 1).astype(np.uint8)
        return label if background else shifted

    def old_val(label: np.ndarray) -> np.ndarray | None:
        mask = old(label)  # as CamVid, where 11 means unlabelled
        return mask if mask is None or background else np.where(mask == 255, 11, mask)

    def new(label: np.ndarray) -> np.ndarray | None:
        return (label == NEW).astype(np.uint8) if (label == NEW).any() else None

    return {'old': (1, 400, old), 'old_val': (2, 60, old_val), 'new': (3, 125, new),
            'joint': (4, 400, full), 'joint_val': (5, 60, full)}  # fmt: skip


def render_folders(root: Path, background: bool, size: int = 96) -> None:
    """Render what is not there."""
    for name, (seed, number, mask_of) in masks(background).items():
        folder, found, tried = root / name, 0, 0
        if (folder / 'masks' / f'{number - 1:04d}.png').is_file():
            continue
        for kind in ('images', 'masks'):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        while found < number:
            picture, label = render(np.random.default_rng((seed, tried)), size)
            tried += 1
            if (mask := mask_of(label)) is not None:
                Image.fromarray(picture).save(folder / 'images' / f'{found:04d}.png')
                Image.fromarray(mask).save(folder / 'masks' / f'{found:04d}.png')
                found += 1


def stock(name: str, args: argparse.Namespace, joint: bool, seed: int) -> tuple[Path, Path]:
    """Train a stock model, or take the one that is there."""
    names = [*(['background'] if args.background else []), *CLASSES[: 6 if joint else 5]]
    kind = 'joint' if joint else 'old'
    work_dir = args.root / f'{name}_{kind}_{seed}'
    iters = args.iters or ITERS[name]
    done = work_dir / f'iter_{iters}.pth'
    if done.is_file():
        return work_dir / 'model.py', done
    cfg = stock_config(name, args.root / 'data' / kind, names, work_dir, iters)
    cfg.randomness = dict(seed=seed)
    return train_stock(cfg)


def extended(
    base: tuple[Path, Path], new: str, args: argparse.Namespace, variant: str, seed: int
) -> dict:
    """IoU by class before and after."""
    options = {
        'data_root': str(args.root / 'data' / 'new'),
        'old_data_root': str(args.root / 'data' / 'old_val'),
        'new_val': 0.2,
        'randomness.seed': seed,
        **VARIANTS[variant],
        **({'step_schedule.later.iters': args.extend_iters} if args.extend_iters else {}),
        **({} if args.background else {'old_labels': dict(unlabelled=11)}),
    }
    return extend(base, new, options, base[0].parent / variant)


def main(argv: list[str] | None = None) -> None:
    """Run the comparison; what is there is not trained again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='folder for everything')
    parser.add_argument('--models', nargs='+', default=list(ITERS), choices=ITERS)
    parser.add_argument('--variants', nargs='+', default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--iters', type=int, help='of the stock models')
    parser.add_argument('--extend-iters', type=int, help='of the extension')
    parser.add_argument('--no-background', dest='background', action='store_false')
    parser.add_argument('--no-joint', dest='joint', action='store_false')
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    render_folders(args.root / 'data', args.background)
    found: dict[tuple[str, str], list] = {
        (name, variant): [] for name in args.models for variant in args.variants
    }
    for name, seed in itertools.product(args.models, args.seeds):
        base = stock(name, args, joint=False, seed=seed)
        joint = None
        if args.joint:
            value = NEW if args.background else NEW - 1
            joint = class_iou(
                stock(name, args, True, seed), args.root / 'data' / 'joint_val', value
            )
        for variant in args.variants:
            steps = extended(base, CLASSES[5], args, variant, seed)
            before, after = (steps[step]['IoU'] for step in (0, 1))
            old = [mean(values, CLASSES[:5]) for values in (before, after)]
            found[name, variant].append([*old, after[CLASSES[5]], joint])
    heads = ['old before', 'old after', 'new', 'new, joint']
    title = 'a class added to a stock model: mIoU (%)'
    write_spreads(title, ['model', 'variant'], heads, found, args.root / 'table.md')


if __name__ == '__main__':
    main()
