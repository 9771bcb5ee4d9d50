"""What a folder of pictures and masks holds, and the config lines that use it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from ..datasets.label_statistics import LabelStatistics, count_labels
from ..datasets.layout import find_layout
from ..datasets.sample_check import Sample, inspect_sample
from ..errors import InputError
from ..tasks.task import VOID
from ..utils.console import get_console, print_table
from ..utils.table import Column, Table
from .annotations import find_annotations, layout_with_masks, making_command
from .mask_sources import ColorMasks, MaskSource, find_mask_source
from .official import describe_official

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
    """Config lines that train on a folder of masks.

    Value 0 is taken for a background if nearly every mask has it. The classes get names that say
    their value; the user knows better ones.
    """
    values = [v for v in range(VOID) if found.pixels[v]]
    background = 0 in values and found.pictures[0] >= 0.9 * found.num_pictures
    classes = {f'class_{v}': v for v in values if v or not background}
    if found.pixels[VOID] and not classes and background:
        classes = dict(class_255=VOID)
    return config_lines(root, layout, classes, background)


def config_lines(
    root: Path, layout: dict, classes: Mapping[str, int], background: bool
) -> list[str]:
    """Config lines that train on a folder.

    Args:
        root: The folder.
        layout: As :func:`~..datasets.layout.find_layout` finds it.
        classes: Class name to label value.
        background: Whether 0 is a background.
    """
    first = 1 if background else 0
    in_order = list(classes.values()) == list(range(first, first + len(classes)))
    end = ')' if background else ', background=False)'
    keys = ', '.join(f'{key}={value!r}' for key, value in layout.items())
    dataset = f"dict(_delete_=True, type='BaseSegDataset', {keys}, "
    lines = [
        f'data_root = {str(root)!r}',
        f'task = dict(_delete_=True, dataset={root.name!r}, '
        f"name='offline', classes={list(classes)!r}{end}",
        f'train_dataloader = dict(dataset={dataset}pipeline={{{{_base_.train_pipeline}}}}))',
    ]
    return lines if in_order else [*lines, f'labels = {dict(classes=dict(classes))!r}']


def describe_problems(samples: Sequence[Sample], alone: Sequence[str]) -> list[str]:
    """What cannot be trained on, a line for each kind."""
    lines = []
    if alone:
        more = ', ...' if len(alone) > _SHOWN else ''
        lines.append(f'{len(alone)} pictures without mask: {", ".join(alone[:_SHOWN])}{more}')
    broken = [found.problem for sample in samples if (found := inspect_sample(sample)).problem]
    if broken:
        lines.append(f'{len(broken)} pictures or masks cannot be used, the first is {broken[0]}')
    return lines


def describe_folder(root: Path, split: str | None = None) -> None:
    """Print what a folder holds, what cannot be used of it, and config lines.

    Args:
        root: The folder.
        split: Folder or list of a split, such as ``train``.

    Raises:
        InputError: If neither pictures with masks nor other annotations are found.
    """
    if lines := describe_official(root):
        print('\n'.join(lines))
        return
    try:
        layout = find_layout(root, split)
        samples, alone = list_samples(root, layout)
        in_colors = bool(samples) and ColorMasks.fits(Path(samples[0].mask))
    except InputError:
        sources = find_annotations(root) if root.is_dir() else []
        if not sources:
            raise
        _describe_annotations(root, sources)
        return
    if in_colors:
        masks = root / layout['data_prefix']['seg_map_path']
        _describe_annotations(root, [find_mask_source(masks)])
    else:
        _describe_masks(root, layout, samples, alone)


def _describe_annotations(root: Path, sources: Sequence[MaskSource]) -> None:
    """Annotations that must become masks first."""
    for source in sources:
        print(f'{len(source)} {source.kind} in {source.path}')
        print('classes: ' + ', '.join(f'{name} = {v}' for name, v in source.classes.items()))
    if any(source.classes != sources[0].classes for source in sources):
        print('problem: they number their classes otherwise, so their masks must not be mixed')
    print('make masks of them:')
    print('\n'.join(f'  {making_command(root, source)}' for source in sources))
    first = sources[0]
    _print_lines(config_lines(root, layout_with_masks(root, first), first.classes, True))


def _describe_masks(
    root: Path, layout: dict, samples: Sequence[Sample], alone: Sequence[str]
) -> None:
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
        _print_lines(propose_lines(root, layout, found))


def _print_lines(lines: Sequence[str]) -> None:
    print('config lines:')
    print('\n'.join(f'  {line}' for line in lines))
