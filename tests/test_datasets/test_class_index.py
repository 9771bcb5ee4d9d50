"""The class index: what it finds, what it refuses, what it remembers."""

import json
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import platformdirs
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from mmseg_incremental.datasets import (
    DataError,
    class_index,
    index_cache,
    read_class_index,
    sample_check,
)
from mmseg_incremental.datasets.class_index import Sample
from mmseg_incremental.datasets.index_cache import index_path
from mmseg_incremental.utils.cache_folder import VARIABLE

NUM_CLASSES = 20
MASKS = {
    'a': np.array([[0, 1, 2], [0, 255, 1]]),
    'b': np.array([[20, 20, 20], [20, 20, 20]]),
    'c': np.array([[0, 255, 0], [0, 0, 0]]),
    'd': np.array([[0, 7, 0], [0, 0, 15]]),
}
CLASSES = {'a': {1, 2}, 'b': {20}, 'c': set(), 'd': {7, 15}}


@pytest.fixture
def root(make_voc):
    return make_voc(MASKS)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache folder."""
    folder = tmp_path / 'cache'
    monkeypatch.setenv(VARIABLE, str(folder))
    return folder


def cache_file(root):
    return index_path(str(root / 'SegmentationClass'))


@pytest.fixture
def opened(monkeypatch):
    """Names of the samples that are opened."""
    names = []
    inspect = class_index.inspect_sample

    def recording(sample):
        names.append(Path(sample.mask).stem)
        return inspect(sample)

    monkeypatch.setattr(class_index, 'inspect_sample', recording)
    return names


def sample(root, key):
    return Sample(str(root / f'JPEGImages/{key}.jpg'), str(root / f'SegmentationClass/{key}.png'))


def meaning(num_classes):
    return {label: label for label in [*range(num_classes + 1), 255]}


def read(root, keys='abcd', num_classes=NUM_CLASSES):
    samples = [sample(root, key) for key in keys]
    return [entry.classes for entry in read_class_index(samples, meaning(num_classes))]


def problems(root, keys='abcd', num_classes=NUM_CLASSES):
    with pytest.raises(DataError) as caught:
        read(root, keys, num_classes)
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return caught.value.problems


def next_tick(folder):
    """Wait until the clock of the file system, which may tick coarsely, has moved on."""
    probe = folder / 'probe'
    probe.touch()
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == before:
        probe.touch()
    probe.unlink()


def rewrite(path, data, keep_mtime):
    before = path.stat()
    next_tick(path.parent)
    path.write_bytes(data)
    if keep_mtime:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def mask_bytes(tmp_path, mask):
    path = tmp_path / 'other.png'
    Image.fromarray(np.asarray(mask, dtype=np.uint8)).save(path, compress_level=0)
    return path.read_bytes()


# What it finds


def test_finds_the_classes_without_background_and_void(root):
    assert read(root) == [CLASSES[key] for key in 'abcd']


def test_follows_the_order_of_the_list(root):
    assert read(root, 'dba') == [CLASSES[key] for key in 'dba']
    assert read(root, 'cddc') == [CLASSES[key] for key in 'cddc']


def test_no_samples(root):
    assert read(root, '') == []


@pytest.mark.parametrize('bits', [2, 4, 8])
def test_reads_the_indices_of_palette_masks(root, bits):
    mask = Image.new('P', (3, 2))
    mask.putpalette([value for label in range(256) for value in (255 - label, label, 9)])
    mask.putdata([0, 3, 2, 0, 0, 3])
    mask.save(root / 'SegmentationClass/a.png', bits=bits)
    assert read(root, 'a') == [{2, 3}]


@pytest.mark.parametrize('size', [(1, 1), (7, 9), (9, 7), (8, 8), (64, 48)])
@pytest.mark.parametrize('options', [{}, {'progressive': True}], ids=['baseline', 'progressive'])
def test_pictures_may_be_of_any_size(root, size, options):
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(root / 'JPEGImages/a.jpg', **options)
    Image.fromarray(np.full(noise.shape[:2], 4, np.uint8)).save(root / 'SegmentationClass/a.png')
    assert read(root, 'a') == [{4}]


def test_pictures_may_be_grey(root):
    Image.new('L', (3, 2)).save(root / 'JPEGImages/a.jpg')
    assert read(root, 'a') == [{1, 2}]


def test_knows_height_and_width(root):
    large(root, 'b')
    index = read_class_index([sample(root, key) for key in 'ab'], meaning(NUM_CLASSES))
    assert index == [({1, 2}, (2, 3)), (set(range(1, 21)), (48, 64))]
    again = read_class_index([sample(root, key) for key in 'ab'], meaning(NUM_CLASSES))
    assert again == index, 'remembered'
    assert type(again[0].size) is tuple


@pytest.mark.parametrize('mode', ['L', 'P'])
def test_finds_what_numpy_finds(root, mode):
    rng = np.random.default_rng(3)
    for _ in range(20):
        height, width = rng.integers(1, 60, 2)
        values = rng.choice([*range(21), 255], rng.integers(1, 6))
        pixels = rng.choice(values, (height, width)).astype(np.uint8)
        mask = Image.fromarray(pixels)
        if mode == 'P':
            mask.putpalette(bytes(range(256)) * 3)
        assert mask.mode == mode
        mask.save(root / 'SegmentationClass/a.png')
        Image.new('RGB', (int(width), int(height))).save(root / 'JPEGImages/a.jpg')
        found = sample_check.inspect_sample(sample(root, 'a'))
        assert found == (np.unique(pixels).tolist(), [height, width], '')


@pytest.mark.parametrize(('ending', 'decoded'), [(b'', 0), (b'\0', 1), (b'\r\n', 1)])
def test_only_a_picture_with_a_doubtful_end_is_decoded(root, monkeypatch, ending, decoded):
    path = root / 'JPEGImages/a.jpg'
    path.write_bytes(path.read_bytes() + ending)
    calls = []
    load = JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, 'load', lambda self: calls.append(1) or load(self))
    assert read(root, 'a') == [CLASSES['a']]
    assert bool(calls) == bool(decoded)


@pytest.mark.parametrize('share', [1, 0.5])
def test_pictures_of_other_formats_are_decoded(root, share):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    picture = root / 'JPEGImages/a.png'
    Image.fromarray(noise).save(picture)
    Image.fromarray(np.tile(np.uint8(MASKS['a']), (20, 20))).save(sample(root, 'a').mask)
    data = picture.read_bytes()
    # neither is judged by the end of a JPEG
    picture.write_bytes(data[: int(share * len(data))] + b'\xff\xd9')
    found = sample_check.inspect_sample(Sample(str(picture), sample(root, 'a').mask))
    if share == 1:
        assert found == ([0, 1, 2, 255], [40, 60], '')
    else:
        assert found.problem.startswith(f'{picture}: picture cannot be read')


def test_many_samples_are_read_by_processes(make_voc, monkeypatch):
    keys = [f'p{i:02d}' for i in range(30)]
    root = make_voc(dict.fromkeys(keys, MASKS['a']))
    for i, key in enumerate(keys):
        pixels = np.full((2, 3), 1 + i % NUM_CLASSES, np.uint8)
        Image.fromarray(pixels).save(root / f'SegmentationClass/{key}.png')
    monkeypatch.setattr(class_index, '_FEW', 10)
    monkeypatch.setattr(class_index, '_CHUNK', 4)
    home = os.getpid()
    inspect = sample_check.inspect_sample

    def elsewhere(sample):
        assert os.getpid() != home
        return inspect(sample)

    # a module-level function by its name, as a process is told what to call
    monkeypatch.setattr(sample_check, 'inspect_sample', elsewhere)
    elsewhere.__qualname__, elsewhere.__module__ = 'inspect_sample', sample_check.__name__
    monkeypatch.setattr(class_index, 'inspect_sample', elsewhere)
    spoil(root, 'p03', no_mask)
    spoil(root, 'p17', truncated_picture)
    found = problems(root, keys)
    assert [Path(problem.split(':')[0]).stem for problem in found] == ['p03', 'p17']
    large(root, 'p03')
    large(root, 'p17')
    cache_file(root).unlink()
    sets = read(root, keys)
    for i, key in enumerate(keys):
        expected = set(range(1, 21)) if key in ('p03', 'p17') else {1 + i % NUM_CLASSES}
        assert sets[i] == expected


def test_values_are_taken_by_their_meaning(root):
    shifted = {0: 255, **{value: value - 1 for value in range(1, 21)}, 255: 0}
    samples = [sample(root, key) for key in 'abcd']
    found = [entry.classes for entry in read_class_index(samples, shifted)]
    assert found == [{1}, {19}, set(), {6, 14}]
    del shifted[7], shifted[20]
    with pytest.raises(DataError) as caught:
        read_class_index(samples, shifted)
    assert [p.partition(': ')[2] for p in caught.value.problems] == [
        'label 20 is outside the classes (1 to 6, 8 to 19, 255, void 0)',
        'label 7 is outside the classes (1 to 6, 8 to 19, 255, void 0)',
    ]


# What it refuses


def cut(path, share=0.5):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


def large(root, key):
    """A picture and a mask whose first half already holds pixels."""
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(picture).save(root / f'JPEGImages/{key}.jpg')
    mask = rng.integers(0, 21, (48, 64), dtype=np.uint8)
    Image.fromarray(mask).save(root / f'SegmentationClass/{key}.png')


def no_mask(picture, mask):
    mask.unlink()


def no_picture(picture, mask):
    picture.unlink()


def folder_for_a_mask(picture, mask):
    mask.unlink()
    mask.mkdir()


def mask_of_another_size(picture, mask):
    Image.new('L', (48, 64)).save(mask)


def label_21(picture, mask):
    values = np.zeros((48, 64), np.uint8)
    values[-1, -1] = 21
    Image.fromarray(values).save(mask)


def label_254(picture, mask):
    Image.fromarray(np.full((48, 64), 254, np.uint8)).save(mask)


def mask_of_16_bits(picture, mask):
    Image.fromarray(np.ones((48, 64), np.uint16)).save(mask)


def rgb_mask(picture, mask):
    Image.new('RGB', (64, 48)).save(mask)


def rgba_mask(picture, mask):
    Image.new('RGBA', (64, 48)).save(mask)


def grey_mask_with_alpha(picture, mask):
    Image.new('LA', (64, 48)).save(mask)


def truncated_picture(picture, mask):
    cut(picture)


def nearly_whole_picture(picture, mask):
    cut(picture, 0.95)


def truncated_mask(picture, mask):
    cut(mask)


def picture_without_content(picture, mask):
    picture.write_bytes(b'')


def mask_without_content(picture, mask):
    mask.write_bytes(b'')


def picture_of_text(picture, mask):
    picture.write_text('404 not found')


def mask_of_text(picture, mask):
    mask.write_text('404 not found')


def mask_with_a_broken_header(picture, mask):
    data = bytearray(mask.read_bytes())
    data[11] = 5  # length of the IHDR chunk, which is 13
    mask.write_bytes(data)


BAD = {
    no_mask: '{mask}: mask not found',
    no_picture: '{picture}: picture not found',
    folder_for_a_mask: '{mask}: mask not found',
    mask_of_another_size: '{mask}: mask is 48x64, its picture is 64x48',
    label_21: '{mask}: label 21 is outside the classes (0 to 20, void 255)',
    label_254: '{mask}: label 254 is outside the classes (0 to 20, void 255)',
    mask_of_16_bits: '{mask}: mask is of mode I;16',
    rgb_mask: '{mask}: mask is of mode RGB;',
    rgba_mask: '{mask}: mask is of mode RGBA;',
    grey_mask_with_alpha: '{mask}: mask is of mode LA;',
    truncated_picture: '{picture}: picture cannot be read',
    nearly_whole_picture: '{picture}: picture cannot be read',
    truncated_mask: '{mask}: mask cannot be read',
    picture_without_content: '{picture}: picture cannot be read',
    mask_without_content: '{mask}: mask cannot be read',
    picture_of_text: '{picture}: picture cannot be read',
    mask_of_text: '{mask}: mask cannot be read',
    mask_with_a_broken_header: '{mask}: mask cannot be read',
}


def spoil(root, key, how):
    """Break a sample and return the expected beginning of the problem."""
    large(root, key)
    picture, mask = map(Path, sample(root, key))
    how(picture, mask)
    return BAD[how].format(picture=picture, mask=mask)


@pytest.mark.parametrize('how', BAD, ids=lambda how: how.__name__)
def test_refuses(root, how):
    expected = spoil(root, 'b', how)
    (problem,) = problems(root)
    assert problem.startswith(expected)


@pytest.mark.parametrize('how', BAD, ids=lambda how: how.__name__)
def test_refuses_what_was_good_before(root, how):
    large(root, 'b')
    read(root)
    next_tick(root)
    expected = spoil(root, 'b', how)
    (problem,) = problems(root)
    assert problem.startswith(expected)


@pytest.mark.parametrize('options', [{}, {'progressive': True}], ids=['baseline', 'progressive'])
def test_refuses_a_picture_cut_anywhere(root, options):
    large(root, 'a')
    picture = Path(sample(root, 'a').image)
    Image.open(picture).save(picture, **options)
    whole = picture.read_bytes()
    for length in np.linspace(1, len(whole) - 1, 40).astype(int):
        picture.write_bytes(whole[:length])
        assert problems(root, 'a')[0].startswith(f'{picture}: picture'), length


def test_lists_all_problems_in_the_order_of_the_list(make_voc):
    keys = [f'p{i:02d}' for i in range(len(BAD))]
    root = make_voc(dict.fromkeys([*keys, 'good'], MASKS['a']))
    expected = [spoil(root, key, how) for key, how in zip(keys, BAD, strict=True)]
    order = [k for key in reversed(keys) for k in (key, 'good')]
    found = problems(root, order)
    assert len(found) == len(BAD)
    for problem, start in zip(found, reversed(expected), strict=True):
        assert problem.startswith(start)


def test_the_message_counts_the_problems_and_names_the_data(root):
    Path(sample(root, 'a').mask).unlink()
    with pytest.raises(DataError, match=r'1 problem\n') as caught:
        read(root)
    assert str(root) in str(caught.value)
    Path(sample(root, 'b').image).unlink()
    with pytest.raises(DataError, match=r'2 problems\n'):
        read(root)


def test_a_long_list_of_problems_is_cut_in_the_message_only(root):
    keys = [f'missing{i}' for i in range(60)]
    with pytest.raises(DataError, match=r'60 problems') as caught:
        read(root, keys)
    assert len(caught.value.problems) == 60
    assert len(str(caught.value).splitlines()) == 1 + 50 + 1
    assert '10 more' in str(caught.value)


@pytest.mark.parametrize(('label', 'allowed'), [(1, 1), (6, 6), (254, 254)])
def test_the_last_class_is_inside(root, label, allowed):
    Image.fromarray(np.full((2, 3), label, np.uint8)).save(root / 'SegmentationClass/a.png')
    assert read(root, 'a', num_classes=allowed) == [{label}]
    assert f'label {label} is outside' in problems(root, 'a', num_classes=allowed - 1)[0]


def test_the_number_of_classes_applies_to_remembered_masks(root):
    read(root)
    assert 'label 20 is outside the classes (0 to 19' in problems(root, num_classes=19)[0]


# What it remembers


def files_below(folder):
    return [path for path in folder.rglob('*') if path.is_file()]


def test_the_cache_lies_in_the_users_folder_and_is_reused(root, cache, opened):
    first = read(root)
    assert sorted(opened) == list('abcd')
    assert files_below(cache) == [cache_file(root)]
    opened.clear()
    assert read(root) == first
    assert opened == []


def test_nothing_is_written_into_the_data(root):
    before = {path: path.stat().st_mtime_ns for path in root.rglob('*')}
    read(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob('*')} == before


def test_the_file_is_named_for_people_and_apart_for_every_folder(root, make_voc):
    other = make_voc(MASKS, 'other/data')
    names = [cache_file(folder).name for folder in (root, other)]
    assert all(re.fullmatch(r'data-SegmentationClass-[0-9a-f]{12}\.json', n) for n in names)
    assert names[0] != names[1]


def test_masks_are_named_below_their_common_folder(root, cache):
    outside = root.parent / 'elsewhere.png'
    Image.fromarray(MASKS['b'].astype(np.uint8)).save(outside)
    samples = [
        sample(root, 'a'),
        Sample(sample(root, 'b').image, f'{root}/JPEGImages/../../elsewhere.png'),
    ]
    entries = read_class_index(samples, meaning(NUM_CLASSES))
    assert [entry.classes for entry in entries] == [{1, 2}, {20}]
    (file,) = files_below(cache)
    content = json.loads(file.read_text())
    assert content['folder'] == str(root.parent)
    assert set(content['entries']) == {'data/SegmentationClass/a.png', 'elsewhere.png'}


def test_links_to_the_data_share_the_cache(root, cache, opened):
    read(root)
    opened.clear()
    link = root.parent / 'link'
    link.symlink_to(root)
    parts = root.parent / 'parts'
    parts.mkdir()
    for part in ('JPEGImages', 'SegmentationClass'):
        (parts / part).symlink_to(root / part)
    for other in (link, parts):
        assert read(other) == [CLASSES[key] for key in 'abcd']
    assert opened == []
    assert len(files_below(cache)) == 1


def test_a_file_of_another_folder_is_ignored(root, opened):
    read(root)
    content = json.loads(cache_file(root).read_text())
    content['folder'] = '/elsewhere'
    cache_file(root).write_text(json.dumps(content))
    opened.clear()
    read(root)
    assert sorted(opened) == list('abcd')


def test_without_the_variable_the_system_chooses_the_folder(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    assert index_path('/a/b').is_relative_to(platformdirs.user_cache_path('mmseg-incremental'))
    if sys.platform == 'linux':
        assert index_path('/a/b').is_relative_to(tmp_path / 'xdg')
    monkeypatch.setenv(VARIABLE, '')
    assert index_path('/a/b').is_relative_to(platformdirs.user_cache_path('mmseg-incremental'))


def test_lists_share_the_cache(root, opened):
    read(root, 'ab')
    opened.clear()
    assert read(root, 'cb') == [CLASSES['c'], CLASSES['b']]
    assert opened == ['c']
    opened.clear()
    assert read(root, 'abc') == [CLASSES[key] for key in 'abc']
    assert opened == []


def test_the_cache_moves_with_the_working_folder(root, opened, monkeypatch):
    read(root)
    opened.clear()
    monkeypatch.chdir(root.parent)
    relative = Path(root.name)
    assert read(relative) == [CLASSES[key] for key in 'abcd']
    assert opened == []


@pytest.mark.parametrize('keep_mtime', [False, True])
def test_a_changed_mask_is_read_again(root, tmp_path, opened, keep_mtime):
    read(root)
    opened.clear()
    path = root / 'SegmentationClass/b.png'
    size = path.stat().st_size
    rewrite(path, mask_bytes(tmp_path, [[20, 20, 20], [20, 20, 9]]), keep_mtime)
    assert path.stat().st_size == size
    assert read(root) == [CLASSES['a'], {20, 9}, CLASSES['c'], CLASSES['d']]
    assert opened == ['b']
    opened.clear()
    read(root)
    assert opened == []


@pytest.mark.parametrize('keep_mtime', [False, True])
def test_a_changed_picture_is_checked_again(root, opened, keep_mtime):
    read(root)
    opened.clear()
    path = root / 'JPEGImages/b.jpg'
    whole = path.read_bytes()
    rewrite(path, bytes(len(whole)), keep_mtime)
    (problem,) = problems(root)
    assert problem.startswith(f'{path}: picture cannot be read')
    assert opened == ['b']
    rewrite(path, whole, keep_mtime)
    opened.clear()
    assert read(root) == [CLASSES[key] for key in 'abcd']
    assert opened == ['b']


def test_a_replaced_mask_is_read_again(root, tmp_path):
    read(root)
    path = root / 'SegmentationClass/b.png'
    stat = path.stat()
    other = tmp_path / 'new.png'
    other.write_bytes(mask_bytes(tmp_path, [[20, 20, 20], [20, 20, 9]]))
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    next_tick(root)
    other.replace(path)
    assert read(root, 'b') == [{20, 9}]


@pytest.mark.parametrize('how', BAD, ids=lambda how: how.__name__)
def test_problems_are_never_remembered(root, how):
    spoil(root, 'b', how)
    first = problems(root)
    assert problems(root) == first
    if how is folder_for_a_mask:
        Path(sample(root, 'b').mask).rmdir()
    large(root, 'b')
    whole = read(root)
    assert whole[0] == CLASSES['a']
    assert whole[1] == set(range(1, 21))


def test_good_samples_beside_a_problem_are_remembered(root, opened):
    spoil(root, 'b', rgb_mask)
    problems(root)
    opened.clear()
    problems(root)
    assert opened == ['b']


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'\x00\xff\xfe',
        b'{"version": 3, "entr',
        b'[]',
        b'null',
        b'7',
        b'{}',
        b'{"version": 0, "entries": {}}',
        b'{"version": 3, "folder": HERE}',
        b'{"version": 3, "folder": HERE, "entries": 3}',
        b'{"version": 3, "folder": HERE, "entries": [1, 2]}',
        b'{"version": 3, "folder": HERE, "entries": {"a.png": null}}',
        b'{"version": 3, "folder": HERE, "entries": {"a.png": []}}',
        b'{"version": 3, "folder": HERE, "entries": {"a.png": {}}}',
    ],
)
def test_a_damaged_cache_is_ignored_and_mended(root, opened, content):
    cache_file(root).parent.mkdir(parents=True)
    here = json.dumps(f'{root}/SegmentationClass').encode()
    cache_file(root).write_bytes(content.replace(b'HERE', here))
    assert read(root) == [CLASSES[key] for key in 'abcd']
    opened.clear()
    assert read(root) == [CLASSES[key] for key in 'abcd']
    assert opened == []


@pytest.mark.parametrize('field', ['labels', 'size', 'state'])
def test_an_entry_without_a_field_is_ignored(root, field):
    read(root)
    content = json.loads(cache_file(root).read_text())
    for entry in content['entries'].values():
        del entry[field]
    cache_file(root).write_text(json.dumps(content))
    assert read(root) == [CLASSES[key] for key in 'abcd']


@pytest.mark.parametrize(
    ('field', 'value'),
    [('labels', [1]), ('labels', ['a']), ('labels', 3), ('size', 'ab'), ('size', [1.5, None])],
)
def test_an_entry_that_was_changed_is_read_again(root, opened, field, value):
    read(root)
    content = json.loads(cache_file(root).read_text())
    for entry in content['entries'].values():
        entry[field] = value
    cache_file(root).write_text(json.dumps(content))
    opened.clear()
    assert read(root) == [CLASSES[key] for key in 'abcd']
    assert sorted(opened) == list('abcd')


def test_a_cache_of_another_version_is_ignored(root, opened):
    read(root)
    content = json.loads(cache_file(root).read_text())
    content['version'] += 1
    cache_file(root).write_text(json.dumps(content))
    opened.clear()
    read(root)
    assert sorted(opened) == list('abcd')


# A cache that cannot be written, or is written by several


def test_without_a_cache_the_masks_are_read_every_time(root, cache, opened):
    cache.write_text('a file where the folder would be')
    for _ in range(2):
        opened.clear()
        assert read(root) == [CLASSES[key] for key in 'abcd']
        assert sorted(opened) == list('abcd')


def test_a_cache_that_may_not_be_written_is_still_read(root, monkeypatch, opened):
    read(root, 'abc')
    opened.clear()

    def refusing(path, text):
        raise PermissionError(13, 'Permission denied', str(path))

    monkeypatch.setattr(index_cache, 'write_atomically', refusing)
    for _ in range(2):
        assert read(root) == [CLASSES[key] for key in 'abcd']
    assert opened == ['d', 'd']


def test_several_may_write_at_once(root, cache):
    with ThreadPoolExecutor(8) as pool:
        lists = list(pool.map(lambda keys: read(root, keys), ['abcd', 'dc', 'ba', 'a'] * 10))
    for keys, found in zip(['abcd', 'dc', 'ba', 'a'] * 10, lists, strict=True):
        assert found == [CLASSES[key] for key in keys]
    assert files_below(cache) == [cache_file(root)]
    assert json.loads(cache_file(root).read_text())['entries']


def test_picture_turned_by_its_exif_tag_matches_its_mask(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new('RGB', (12, 8)).save(tmp_path / 'a.jpg', exif=exif)
    Image.new('L', (8, 12), 3).save(tmp_path / 'a.png')
    sample = Sample(str(tmp_path / 'a.jpg'), str(tmp_path / 'a.png'))
    assert read_class_index([sample], meaning(20)) == [({3}, (12, 8))]
