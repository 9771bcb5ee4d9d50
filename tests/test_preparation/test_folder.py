"""Folders as users have them: what the tool finds in them, and that its lines train."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import OPTIONS, command_main, leaf

from mmseg_incremental.apis import load_sequence, plan_sequence
from mmseg_incremental.datasets import find_layout
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence.step_plan import StepPlan
from mmseg_incremental.tasks import Task


def write(root: Path, pictures: str, masks: str, suffixes: tuple[str, str], values: list) -> None:
    """Eight pictures of blocks of the values."""
    for index in range(8):
        blocks = np.resize(np.roll(values, index), (4, 4)).astype(np.uint8)
        mask = np.kron(blocks, np.ones((12, 12), np.uint8))
        for folder, suffix, content in (
            (pictures, suffixes[0], np.stack([mask] * 3, 2)),
            (masks, suffixes[1], mask),
        ):
            path = root / folder / f'p_{index}{suffix}'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(path)


KINDS = {
    'voc': ('JPEGImages', 'SegmentationClass', ('.jpg', '.png'), [0, 1, 2, 3, 255]),
    'suffixes': ('img_dir/train', 'ann_dir/train', ('_x.png', '_gt.png'), [0, 1, 2]),
    'from_zero': ('images', 'labels', ('.png', '.png'), list(range(8))),
    'with_gaps': ('images', 'masks', ('.jpg', '.png'), [0, 5, 9]),
    'binary': ('images', 'masks', ('.jpg', '_mask.png'), [0, 255]),
}


@pytest.mark.parametrize('kind', KINDS)
def test_proposed_lines_are_planned(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = tmp_path / 'mine'
    write(root, *KINDS[kind])
    if kind == 'from_zero':  # no value is in every picture, so none is a background
        for path in sorted((root / 'labels').glob('*.png'))[:4]:
            mask = np.array(Image.open(path))
            Image.fromarray(np.where(mask == 0, 1, mask).astype(np.uint8)).save(path)
    command_main('inspect')([root])
    out = capsys.readouterr().out
    assert 'problem' not in out
    task, plan = planned(out, tmp_path)
    assert 0 < plan.num_images < 8
    assert task.background == (kind != 'from_zero')


def planned(out: str, tmp_path: Path) -> tuple[Task, StepPlan]:
    """Task and plan of a sequence with the lines that were printed."""
    lines = [line.strip() for line in out.split('config lines:\n')[1].splitlines()]
    base = leaf().replace('shapes_4-1_mib', 'shapes_offline')
    config = tmp_path / 'mine.py'
    config.write_text('\n'.join([f'_base_ = {base!r}', *lines]))
    options = {key: value for key, value in OPTIONS.items() if 'later' not in key}
    sequence = load_sequence(config, {**options, 'dev': 0.4}, str(tmp_path / 'work'))
    (plan,) = plan_sequence(sequence)
    return sequence.task, plan


def write_coco(root: Path, shapes: list[tuple]) -> None:
    content = dict(
        images=[dict(id=i, file_name=f'p_{i}.jpg', height=48, width=48) for i in range(8)],
        categories=[dict(id=1, name='cat'), dict(id=2, name='dog')],
        annotations=[
            dict(
                id=9 * i + place,
                image_id=i,
                category_id=1 + (name == 'dog'),
                segmentation=[[x, x, x + 12, x, x + 12, x + 12, x, x + 12]],
            )
            for place, (i, name, x) in enumerate(shapes)
        ],
    )
    (root / 'annotations').mkdir()
    (root / 'annotations' / 'instances.json').write_text(json.dumps(content))


def write_labelme(root: Path, shapes: list[tuple]) -> None:
    for i in range(8):
        found = [
            dict(label=name, shape_type='rectangle', points=[[x, x], [x + 11, x + 11]])
            for picture, name, x in shapes
            if picture == i
        ]
        content = dict(shapes=found, imageHeight=48, imageWidth=48)
        (root / 'images' / f'p_{i}.json').write_text(json.dumps(content))


def write_folders(root: Path, shapes: list[tuple]) -> None:
    for i, name, x in shapes:
        mask = np.zeros((48, 48), np.uint8)
        mask[x : x + 12, x : x + 12] = 255
        (root / 'masks' / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(root / 'masks' / name / f'p_{i}.png')


def write_colors(root: Path, shapes: list[tuple]) -> None:
    (root / 'masks').mkdir()
    for i in range(8):
        mask = np.zeros((48, 48, 3), np.uint8)
        for picture, name, x in shapes:
            if picture == i:
                mask[x : x + 12, x : x + 12] = (0, 200, 0) if name == 'cat' else (200, 0, 0)
        Image.fromarray(mask).save(root / 'masks' / f'p_{i}.png')


@pytest.mark.parametrize('write_kind', [write_coco, write_labelme, write_folders, write_colors])
def test_other_annotations_are_made_masks_by_the_printed_command(
    write_kind: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    root = tmp_path / 'mine'
    (root / 'images').mkdir(parents=True)
    for i in range(8):
        Image.new('RGB', (48, 48)).save(root / 'images' / f'p_{i}.jpg')
    shapes = [(i, name, x) for i in range(8) for name, x in (('cat', i), ('dog', 30 - i))]
    write_kind(root, shapes)
    command_main('inspect')([root])
    out = capsys.readouterr().out
    (command,) = [line for line in out.splitlines() if 'make-masks' in line]
    command_main('make_masks')(shlex.split(command)[2:])
    for i in range(8):
        expected = np.zeros((48, 48), np.uint8)
        expected[i : i + 12, i : i + 12] = 1
        expected[30 - i : 42 - i, 30 - i : 42 - i] = 2
        made = np.array(Image.open(root / 'label_masks' / f'p_{i}.png'))
        np.testing.assert_array_equal(made, expected)
    task, plan = planned(out, tmp_path)
    assert len(task.names) == 2
    assert 0 < plan.num_images < 8
    command_main('inspect')([root])
    assert 'with masks label_masks/*.png' in capsys.readouterr().out, 'they are found first'


def test_every_file_of_coco_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'images').mkdir()
    Image.new('RGB', (48, 48)).save(tmp_path / 'images' / 'p_0.jpg')
    write_coco(tmp_path, [])
    first = tmp_path / 'annotations' / 'instances.json'
    other = json.loads(first.read_text())
    other['categories'].pop()
    first.with_name('more.json').write_text(json.dumps(other))
    command_main('inspect')([tmp_path])
    out = capsys.readouterr().out
    assert out.count('make-masks') == 2
    assert 'problem: they number their classes otherwise' in out


def test_masks_are_not_taken_for_pictures(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for folder in ('pictures', 'masks/cat', 'masks/dog'):
        (tmp_path / folder).mkdir(parents=True)
        mask = np.zeros((8, 8), np.uint8)
        mask[:4] = 255
        Image.fromarray(mask).save(tmp_path / folder / 'p.png')
    command_main('inspect')([tmp_path])
    assert "img_path': 'pictures'" in capsys.readouterr().out


def test_pictures_without_mask_and_folders_without_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write(tmp_path, 'images', 'masks', ('.jpg', '.png'), [0, 1])
    (tmp_path / 'masks' / 'p_3.png').unlink()
    command_main('inspect')([tmp_path])
    assert '1 pictures without mask: p_3.jpg' in capsys.readouterr().out
    with pytest.raises(InputError, match='folder not found'):
        find_layout(tmp_path / 'absent')
    with pytest.raises(InputError, match='no folder of pictures'):
        find_layout(tmp_path / 'images')


def test_colors_become_values(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write(tmp_path, 'images', 'masks', ('.jpg', '.png'), [0, 1])
    colors = np.zeros((2, 3, 3), np.uint8)
    colors[0, 1] = (128, 0, 0)
    (tmp_path / 'colors').mkdir()
    Image.fromarray(colors).save(tmp_path / 'colors' / 'a.png')
    convert = command_main('make_masks')
    convert([tmp_path / 'colors', tmp_path / 'out', '--label-colors', '0=0,0,0', '7=128,0,0'])
    assert np.array(Image.open(tmp_path / 'out' / 'a.png')).tolist() == [[0, 7, 0], [0, 0, 0]]
    with pytest.raises(SystemExit, match='colour 128,0,0 has no value'):
        convert([tmp_path / 'colors', tmp_path / 'out', '--label-colors', '0=0,0,0'])
