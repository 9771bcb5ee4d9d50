"""Masks of label values from annotations of other kinds, compared with what was drawn by hand."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmseg_incremental.errors import InputError
from mmseg_incremental.preparation.mask_sources import find_mask_source, write_masks


def rectangle(x: int, y: int, width: int, height: int) -> list[int]:
    """Corners of a polygon that covers whole pixels."""
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def coco_file(folder: Path, **changes: object) -> Path:
    """A cow with a cat on it, and a crowd; the ids have gaps and are not in order."""
    instances = [
        dict(category_id=9, segmentation=[rectangle(1, 1, 2, 2)]),
        dict(category_id=4, segmentation=[rectangle(0, 0, 6, 4)]),
        dict(
            category_id=9,
            iscrowd=1,
            segmentation=dict(size=[5, 8], counts=[5 * 7, 5]),  # the last column
        ),
    ]
    if 'images' in changes:  # the instances are those of the picture that it has otherwise
        changes.setdefault('annotations', [])
    content = dict(
        images=[
            dict(id=7, file_name='park/one.jpg', height=5, width=8),
            dict(id=3, file_name='two.jpg', height=2, width=2),
        ],
        annotations=[dict(id=i, image_id=7, **part) for i, part in enumerate(instances, 1)],
        categories=[dict(id=9, name='cat'), dict(id=4, name='cow')],
    )
    path = folder / 'annotations.json'
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_coco(tmp_path: Path) -> None:
    source = find_mask_source(coco_file(tmp_path))
    assert source.classes == {'cow': 1, 'cat': 2}
    masks = dict(source.masks())
    assert masks['park/one'].tolist() == [
        [1, 1, 1, 1, 1, 1, 0, 255],
        [1, 2, 2, 1, 1, 1, 0, 255],
        [1, 2, 2, 1, 1, 1, 0, 255],
        [1, 1, 1, 1, 1, 1, 0, 255],
        [0, 0, 0, 0, 0, 0, 0, 255],
    ]
    assert masks['two'].tolist() == [[0, 0], [0, 0]]


def labelme_file(path: Path, shapes: list[dict], height: object = 5, width: object = 6) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(shapes=shapes, imageHeight=height, imageWidth=width)))


def png(values: list) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.array(values, np.uint8) * 255).save(buffer, 'PNG')
    return base64.b64encode(buffer.getvalue()).decode()


def test_labelme(tmp_path: Path) -> None:
    labelme_file(
        tmp_path / 'a.json',
        [
            dict(label='dog', shape_type='rectangle', points=[[3, 2], [0, 0]]),
            dict(label='cat', shape_type='polygon', points=[[2, 1], [4, 1], [4, 3], [2, 3]]),
            dict(label='__ignore__', shape_type='mask', points=[[5, 3]], mask=png([[1], [1]])),
            dict(label='_background_', shape_type='rectangle', points=[[0, 0], [0, 0]]),
        ],
    )
    labelme_file(tmp_path / 'more' / 'b.json', [])
    (tmp_path / 'settings.json').write_text('{}')
    source = find_mask_source(tmp_path)
    assert source.classes == {'cat': 1, 'dog': 2}
    masks = dict(source.masks())
    assert masks['a'].tolist() == [
        [0, 2, 2, 2, 0, 0],
        [2, 2, 1, 1, 1, 0],
        [2, 2, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 255],
        [0, 0, 0, 0, 0, 255],
    ]
    assert masks['more/b'].tolist() == [[0] * 6] * 5


def test_circle_of_labelme(tmp_path: Path) -> None:
    circle = dict(label='x', shape_type='circle', points=[[20, 20], [20, 30]])
    labelme_file(tmp_path / 'a.json', [circle], 40, 40)
    ((_, mask),) = find_mask_source(tmp_path).masks()
    y, x = np.mgrid[:40, :40]
    distance = np.hypot(y - 20, x - 20)
    assert (mask[distance < 9.5] == 1).all()
    assert (mask[distance > 10.5] == 0).all()


def save(path: Path, values: list) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)


def test_class_folders(tmp_path: Path) -> None:
    save(tmp_path / 'dog' / 'a.png', [[255, 255, 0]])
    save(tmp_path / 'cat' / 'a.png', [[0, 1, 0]])
    save(tmp_path / 'cat' / 'b.png', [[1]])
    source = find_mask_source(tmp_path)
    assert source.classes == {'cat': 1, 'dog': 2}
    masks = {stem: mask.tolist() for stem, mask in source.masks()}
    assert masks == {'a': [[2, 255, 0]], 'b': [[1]]}


def test_colors_are_numbered_or_given(tmp_path: Path) -> None:
    save(tmp_path / 'a.png', [[[9, 0, 0], [0, 0, 0], [0, 7, 0]]])
    source = find_mask_source(tmp_path)
    assert source.colors == {(0, 0, 0): 0, (0, 7, 0): 1, (9, 0, 0): 2}
    assert [mask.tolist() for _, mask in source.masks()] == [[[2, 0, 1]]]
    assert write_masks(source, tmp_path / 'out') == 1
    with Image.open(tmp_path / 'out' / 'a.png') as mask:
        assert (mask.mode, np.asarray(mask).tolist()) == ('P', [[2, 0, 1]])
    given = find_mask_source(tmp_path, {(0, 0, 0): 255, (9, 0, 0): 4})
    with pytest.raises(InputError, match=r'a\.png: colour 0,7,0 has no value'):
        list(given.masks())


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(categories=[dict(name='x')]), 'cannot be read as annotations of COCO .*KeyError'),
        (dict(images=[dict(id=7, file_name='a', height=2)]), r'picture 7 cannot be drawn .*width'),
        (dict(images=[dict(id=1, file_name='a', height=0, width=9)]), 'its size, height 0'),
        (dict(images=[dict(id=1, file_name='a', height=10**6, width=10**6)]), 'are too many'),
        (dict(images=[dict(id=1, file_name='../a', height=1, width=1)]), 'no path of a picture'),
        (dict(images=[dict(id=1, file_name='/a', height=1, width=1)]), 'no path of a picture'),
        (dict(categories=[dict(id=i, name=str(i)) for i in range(255)]), '255 classes, but'),
        (dict(annotations=[dict(id=1, image_id=7, category_id=5, segmentation=[])]), 'be drawn'),
    ],
    ids=range(8),
)
def test_broken_coco_is_one_line(tmp_path: Path, changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        list(find_mask_source(coco_file(tmp_path, **changes)).masks())
    assert '\n' not in str(error.value)


def test_annotations_of_no_picture_are_refused(tmp_path: Path) -> None:
    lost = dict(id=1, image_id=5, category_id=9, segmentation=[rectangle(0, 0, 1, 1)])
    with pytest.raises(InputError, match='annotations of picture 5, which is not listed'):
        find_mask_source(coco_file(tmp_path, annotations=[lost]))


def test_no_mask_is_written_over_another_file(tmp_path: Path) -> None:
    pictures = [dict(id=i, file_name=f'a.{suffix}', height=1, width=1)
                for i, suffix in enumerate(('jpg', 'png'))]  # fmt: skip
    source = find_mask_source(coco_file(tmp_path, images=pictures, annotations=[]))
    with pytest.raises(InputError, match=r'a\.png is there already'):
        write_masks(source, tmp_path / 'out')
    save(tmp_path / 'colors' / 'b.png', [[[9, 0, 0]]])
    before = (tmp_path / 'colors' / 'b.png').read_bytes()
    with pytest.raises(InputError, match=r'b\.png is there already'):
        write_masks(find_mask_source(tmp_path / 'colors'), tmp_path / 'colors')
    assert (tmp_path / 'colors' / 'b.png').read_bytes() == before


def test_colors_of_what_has_none_are_refused(tmp_path: Path) -> None:
    labelme_file(tmp_path / 'shapes' / 'a.json', [])
    for path in (coco_file(tmp_path), tmp_path / 'shapes'):
        with pytest.raises(InputError, match='--label-colors is for masks of colours'):
            find_mask_source(path, {(0, 0, 0): 0})


def test_what_is_nothing_of_that_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='not found'):
        find_mask_source(tmp_path / 'absent')
    with pytest.raises(InputError, match='neither shapes of labelme'):
        find_mask_source(tmp_path)
    (tmp_path / 'x.json').write_text('[' * 10**5)
    with pytest.raises(InputError, match='cannot be read as JSON'):
        find_mask_source(tmp_path / 'x.json')
    labelme_file(tmp_path / 'a.json', [dict(label='x', shape_type='line', points=[[0, 0], [1, 1]])])
    with pytest.raises(InputError, match='a line of 2 points has no area'):
        list(find_mask_source(tmp_path).masks())
    save(tmp_path / 'folders' / 'cat' / 'a.png', [[0, 1]])
    save(tmp_path / 'folders' / 'dog' / 'a.png', [[0], [1]])
    with pytest.raises(InputError, match='masks of a have different sizes'):
        list(find_mask_source(tmp_path / 'folders').masks())
