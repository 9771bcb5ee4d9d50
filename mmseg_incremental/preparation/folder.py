"""What a folder of pictures and masks holds, and the config lines that use it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..datasets.label_statistics import LabelStatistics, count_labels
from ..datasets.layout import find_layout
from ..datasets.sample_check import Sample, inspect_sample
from ..tasks.task import VOID
from ..utils.console import get_console, print_table
from ..utils.table import Column, Table

_SHOWN = 5


def list_samples(root: Path, layout: dict) -> tuple[list[Sample], list[str]]:
    """Pictures with a mask, and the pictures without one.

    Args:
        root: The folder.
        layout: As :func:`~..datasets.layout.find_layout` finds it.
    """
    folders = {key: root / folder for key, folder in layout['data_prefix'].items()}
    samples, alone = [], []
    for picture in sorted(folders['img_path'].rglob(f'*{layout["img_suffix"]}')):
        name = picture.relative_to(folders['img_path']).as_posix()
        stem = name[: -len(layout['img_suffix'])]
        mask = folders['seg_map_path'] / f'{stem}{layout["seg_map_suffix"]}'
        if mask.is_file():
            samples.append(Sample(str(picture), str(mask)))
        else:
            alone.append(name)
    return samples, alone


def value_table(found: LabelStatistics) -> Table:
    """Pictures and share of the pixels of every value that occurs."""
    columns = [Column('value'), Column('pictures'), Column('pixels (%)', format='.3f')]
    values = [v for v in range(VOID + 1) if found.pixels[v]]
    rows = [[v, int(found.pictures[v]), 100 * float(found.shares[v])] for v in values]
    return Table(f'values in {found.num_pictures} masks', columns, [rows])


def propose_lines(root: Path, layout: dict, found: LabelStatistics) -> list[str]:
    """Config lines that train on the folder.

    Value 0 is taken for a background if nearly every mask has it. The classes get names that say
    their value; the user knows better ones.
    """
    values = [v for v in range(VOID) if found.pixels[v]]
    background = 0 in values and found.pictures[0] >= 0.9 * found.num_pictures
    classes = [v for v in values if v or not background]
    names = [f'class_{v}' for v in classes]
    first = 1 if background else 0
    in_order = classes == list(range(first, first + len(classes)))
    labels = dict(classes=dict(zip(names, classes, strict=True)))
    if found.pixels[VOID] and classes == [] and background:
        names, labels, in_order = ['class_255'], dict(classes=dict(class_255=VOID)), False
    task = f'task = dict(_delete_=True, dataset={root.name!r}, name="offline", classes={names!r}'
    task += ')' if background else ', background=False)'
    keys = ', '.join(f'{key}={value!r}' for key, value in layout.items())
    dataset = f"dict(_delete_=True, type='BaseSegDataset', {keys}, "
    lines = [
        f'data_root = {str(root)!r}',
        task.replace('"offline"', "'offline'"),
        f'train_dataloader = dict(dataset={dataset}pipeline={{{{_base_.train_pipeline}}}}))',
    ]
    return lines if in_order else [*lines, f'labels = {labels!r}']


def describe_problems(samples: Sequence[Sample], alone: Sequence[str]) -> list[str]:
    """What cannot be trained on, a line for each kind."""
    lines = []
    if alone:
        more = ', ...' if len(alone) > _SHOWN else ''
        lines.append(f'{len(alone)} pictures without mask: {", ".join(alone[:_SHOWN])}{more}')
    broken = [found.problem for sample in samples if (found := inspect_sample(sample)).problem]
    if broken:
        lines.append(f'{len(broken)} pictures or masks cannot be used, the first is {broken[0]}')
    if any(': mask is of mode RGB' in problem for problem in broken):
        lines.append(
            'masks of mode RGB hold colours, not values; mmseg-incremental convert-colors makes '
            'values of them'
        )
    return lines


def describe_folder(root: Path, split: str | None = None) -> None:
    """Print what a folder holds, what cannot be used of it, and config lines.

    Args:
        root: The folder.
        split: Folder or list of a split, such as ``train``.

    Raises:
        InputError: If pictures and masks are not found.
    """
    layout = find_layout(root, split)
    samples, alone = list_samples(root, layout)
    prefix = layout['data_prefix']
    print(f'{len(samples)} pictures {prefix["img_path"]}/*{layout["img_suffix"]}')
    print(f'with masks {prefix["seg_map_path"]}/*{layout["seg_map_suffix"]}')
    sizes = Counter(Image.open(sample.image).size for sample in samples)
    for (width, height), number in sizes.most_common(_SHOWN):
        print(f'{number} of {width} x {height} pixels')
    for line in describe_problems(samples, alone):
        print(f'problem: {line}')
    found = count_labels(samples)
    if found.num_pictures:
        print_table(get_console(), value_table(found))
        print('config lines:')
        print('\n'.join(f'  {line}' for line in propose_lines(root, layout, found)))
