"""A model of five animals on real pictures, extended by persons and then by sofas.

A BiSeNet learns cat, dog, horse, cow and sheep on Pascal VOC. ``extend`` then adds the person from
the training pictures that show one beside an animal, and to the result the sofa from all that show
one; in both, the new class alone counts as labelled. Tested is on the pictures of ``val.txt``. In
a clone: ``PYTHONPATH=projects python -m extension.real_pictures ROOT --voc VOC --weights FILE``.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mmseg_incremental.apis import RunOptions, load_sequence, run_sequence

from .extending import CONFIGS, NO_WORKERS, class_iou, extend, mean, write_spreads

LEAF = CONFIGS / 'bisenet_efficientnet-lite0_voc_animals-person_mib.py'
VALUES = {'cat': 8, 'dog': 12, 'horse': 13, 'cow': 10, 'sheep': 17, 'person': 15, 'sofa': 18}
ANIMALS = list(VALUES)[:5]
_SLOW = {'step_schedule.later.lr': 0.001, 'step_schedule.later.iters': 400}
#: Options of the command; "gentle" was chosen, as the default, on a part of the training list.
VARIANTS = {
    'default': {},
    'gentle': {
        'method.distillation.0.loss_weight': 10.0,
        'method.distillation.1.loss_weight': 0.1,
        'step_schedule.later.lr': 0.003,
    },
    'plop': {'method': 'plop', 'method.distillation.0.loss_weight': 0.1, **_SLOW},
    'mib': {'method': 'mib', 'method.distillation.0.loss_weight': 10.0, **_SLOW},
    'ft': {'method': 'ft', **_SLOW},
}


def mask_of(voc: Path, name: str) -> np.ndarray:
    """Values of Pascal VOC, of shape (H, W)."""
    return np.asarray(Image.open(voc / 'SegmentationClass' / f'{name}.png'))


def names_of(voc: Path, part: str) -> list[str]:
    """Names of the pictures of a list."""
    return (voc / 'ImageSets' / 'Segmentation' / f'{part}.txt').read_text().split()


def put(folder: Path, voc: Path, name: str, mask: np.ndarray) -> None:
    """Add a picture and its mask to a folder of them."""
    for kind in ('images', 'masks'):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    picture = folder / 'images' / f'{name}.jpg'
    if not picture.exists():
        picture.symlink_to(voc / 'JPEGImages' / picture.name)
    Image.fromarray(mask).save(folder / 'masks' / f'{name}.png')


def make_folders(root: Path, voc: Path) -> None:
    """New pictures, the new class 1 in their masks, and tests of what there is after each."""
    animals = [VALUES[name] for name in ANIMALS]
    for name in names_of(voc, 'train_aug'):
        mask = mask_of(voc, name)
        for new in ('person', 'sofa'):
            shown = (mask == VALUES[new]).any()
            if shown and (new == 'sofa' or np.isin(mask, animals).any()):
                put(root / new, voc, name, np.where(mask == VALUES[new], 1, 0).astype(np.uint8))
    for number, part in ((6, 'person_test'), (7, 'sofa_test')):
        table = np.zeros(256, np.uint8)
        table[255] = 255
        table[list(VALUES.values())[:number]] = np.arange(1, number + 1)
        for name in names_of(voc, 'val'):
            put(root / part, voc, name, table[mask_of(voc, name)])


def train_base(root: Path, voc: Path, weights: Path, seed: int) -> Path:
    """Folder of the model of animals; what is there is not trained again."""
    options = {
        'data_root': str(voc),
        'backbone_weights': str(weights),
        'randomness.seed': seed,
        **NO_WORKERS,
    }
    work_dir = root / f'animals_{seed}'
    run_sequence(load_sequence(LEAF, options, str(work_dir)), RunOptions(steps=[0], resume=True))
    return work_dir


def main(argv: list[str] | None = None) -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('root', type=Path, help='folder for everything')
    parser.add_argument('--voc', type=Path, required=True, help='a folder VOC2012')
    parser.add_argument('--weights', type=Path, required=True, help='of download-weights')
    parser.add_argument('--variants', nargs='+', default=list(VARIANTS), choices=VARIANTS)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0])
    args = parser.parse_args(argv)
    root, voc = args.root.resolve(), args.voc.resolve()
    torch.set_num_threads(1)
    make_folders(root, voc)
    found: dict[tuple[str, str], list] = {}
    for seed in args.seeds:
        animals = train_base(root, voc, args.weights.resolve(), seed)
        for variant in args.variants:
            base, step, known = animals, 0, list(ANIMALS)
            for new in ('person', 'sofa'):
                work_dir = root / f'{new}_{variant}_{seed}'
                options = {
                    **VARIANTS[variant],
                    'data_root': str(root / new),
                    'old_data_root': str(root / f'{new}_test'),
                    'randomness.seed': seed,
                }
                model = (base / f'step_{step}.py', base / f'step_{step}.pth')
                steps = extend(model, new, options, work_dir)
                before, after = steps[0]['IoU'], steps[1]['IoU']
                values = [mean(before, known), mean(after, known)]
                base, step, known = work_dir, 1, [*known, new]
                learnt = (base / 'step_1.py', base / 'step_1.pth')
                values.append(class_iou(learnt, root / f'{new}_test', len(known)))
                found.setdefault((variant, new), []).append(values)
    heads = ['known before', 'known after', 'new']
    title = 'classes added to a model of five animals: mIoU (%)'
    write_spreads(title, ['variant', 'added'], heads, found, root / 'table.md')


if __name__ == '__main__':
    main()
