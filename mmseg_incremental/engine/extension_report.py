"""What adding classes to a model means, before it is trained, and what it has changed, after."""

import sys
from collections.abc import Iterable
from pathlib import Path

from mmengine.dist import is_main_process

from ..datasets import count_labels, label_meaning, label_warnings, statistics_table
from ..datasets.inner_dataset import build_inner_dataset
from ..evaluation import SequenceResults
from ..sequence.sequence import Sequence
from ..tasks.task import VOID
from ..utils.console import get_console, print_table
from ..utils.files import write_atomically
from ..utils.table import Table


def describe_extension(sequence: Sequence) -> list[str]:
    """What was understood: the classes, and which value of the new masks means which.

    Args:
        sequence: An extension.

    Returns:
        Lines of text.
    """
    task, cfg = sequence.task, sequence.cfg
    kind = 'with' if task.background else 'without'
    meaning = label_meaning(task, labels=cfg.labels)
    values = {
        label: ', '.join(str(v) for v in meaning if meaning[v] == label)
        for label in dict.fromkeys(meaning.values())
    }
    others = 'background or any old class' if task.background else 'any old class'
    parts = [f'{values[c]} = {task.names[c - 1]}' for c in task.new_classes(1) if c in values]
    parts += [f'{values[0]} = not labelled ({others})'] if 0 in values else []
    parts += [f'{values[VOID]} = ignored'] if VOID in values else []
    return [
        f'model: {cfg.base.config}, {cfg.base.checkpoint}',
        f'old classes: {", ".join(sequence.class_names(0))} ({kind} a background)',
        f'new classes: {", ".join(sequence.class_names(1))}',
        f'labels in {cfg.data_root}: {"; ".join(parts)}',
    ]


def label_report(sequence: Sequence) -> tuple[Table, list[str]]:
    """Share of the pixels per label value of the new pictures, and what looks wrong about it.

    Args:
        sequence: An extension.

    Returns:
        The table and the warnings.

    Raises:
        DataError: If there are no pictures.
    """
    task, view = sequence.task, sequence.step(1).config.train_dataloader.dataset
    _, samples = build_inner_dataset(view.dataset, task, test_mode=False).list_pictures()
    meaning = label_meaning(task, labels=sequence.cfg.labels)
    found = count_labels(samples)
    warnings = label_warnings(found, task, meaning, task.new_classes(1))
    return statistics_table(found, task, meaning, 'not labelled'), warnings


def show_extension(sequence: Sequence) -> None:
    """Print what is understood of model and data.

    Args:
        sequence: An extension.

    Raises:
        DataError: If there are no pictures.
    """
    print('\n'.join(describe_extension(sequence)))
    table, warnings = label_report(sequence)
    print_table(get_console(), table)
    for warning in warnings:
        print(f'warning: {warning}')


def warn_of_labels(sequence: Sequence) -> None:
    """Print what looks wrong about the labels, in one of several processes.

    Args:
        sequence: An extension.

    Raises:
        DataError: If there are no pictures.
    """
    if is_main_process():
        for warning in label_report(sequence)[1]:
            print(f'warning: {warning}', file=sys.stderr)


def write_extension_report(sequence: Sequence, results: SequenceResults) -> Path:
    """Write ``WORK_DIR/report.md``: IoU before and after, and what cannot be known.

    Args:
        sequence: An extension.
        results: Its results.

    Returns:
        Path of the report.

    Raises:
        OSError: If the folder cannot be written.
    """
    path, cfg = sequence.work_dir.report, sequence.cfg
    lines = ['# Classes added', '', *(f'- {line}' for line in describe_extension(sequence)), '']
    lines += _table(sequence, results)
    if not cfg.get('old_data_root'):
        lines += [
            '', 'How much of the old classes was forgotten cannot be known without labelled '
            'pictures of them (`--old-data-root DIR`).',
        ]  # fmt: skip
    if not cfg.get('new_val'):
        lines += [
            '', 'How well the new classes are recognised in pictures that were not learnt from '
            'cannot be known without some kept for that (`--new-val 0.2`).',
        ]  # fmt: skip
    else:
        lines += [
            '', f'The new classes are measured on {cfg.new_val:.0%} of the new pictures, which '
            'were not learnt from.',
        ]  # fmt: skip
    picture = (sequence.work_dir.pictures / 'predictions.png').relative_to(path.parent)
    lines += ['', f'![Pictures, labels, and predictions before and after]({picture})', '']
    write_atomically(path, '\n'.join(lines))
    return path


def _table(sequence: Sequence, results: SequenceResults) -> Iterable[str]:
    yield '| class | IoU before (%) | IoU after (%) |'
    yield '|---|---|---|'
    before, after = (results.steps.get(step, {}).get('IoU', {}) for step in (0, 1))
    for name in sequence.task.channel_names(1):
        cells = (
            '-' if found.get(name) is None else f'{found[name]:.1f}' for found in (before, after)
        )
        yield f'| {name} | {" | ".join(cells)} |'
