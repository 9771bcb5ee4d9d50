"""Folders as users have them: what the tool finds in them, and that its lines train."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import OPTIONS, command_main, leaf

from mmseg_incremental.apis import load_sequence, plan_sequence
from mmseg_incremental.datasets import find_layout
from mmseg_incremental.errors import InputError


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
    lines = [line.strip() for line in out.split('config lines:\n')[1].splitlines()]
    base = leaf().replace('shapes_4-1_mib', 'shapes_offline')
    config = tmp_path / 'mine.py'
    config.write_text('\n'.join([f'_base_ = {base!r}', *lines]))
    options = {key: value for key, value in OPTIONS.items() if 'later' not in key}
    sequence = load_sequence(config, {**options, 'dev': 0.4}, str(tmp_path / 'work'))
    (plan,) = plan_sequence(sequence)
    assert 0 < plan.num_images < 8
    assert sequence.task.background == (kind != 'from_zero')


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
    convert = command_main('convert_colors')
    convert([tmp_path / 'colors', tmp_path / 'out', '--label-colors', '0=0,0,0', '7=128,0,0'])
    assert np.array(Image.open(tmp_path / 'out' / 'a.png')).tolist() == [[0, 7, 0], [0, 0, 0]]
    with pytest.raises(SystemExit, match='colour 128,0,0 has no value'):
        convert([tmp_path / 'colors', tmp_path / 'out', '--label-colors', '0=0,0,0'])
