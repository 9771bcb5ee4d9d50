import io
import os
import random
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from tiny import command_main

from mmseg_incremental.preparation import voc as module

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get('MMSEG_INCREMENTAL_DATA', ROOT.parent / 'shared/data'))
COUNTS = {'train': 2, 'val': 1, 'trainval': 3, 'train_aug': 4}
VOC_IDS = {'train': ['2007_000032', '2009_000001'], 'val': ['2007_000033']}
# SBD labels one picture of either VOC list again and two that VOC does not label.
SBD_IDS = {'train': ['2008_000008', '2007_000033'], 'val': ['2010_000002', '2007_000032']}


def voc_label(stem):
    label = np.full((6, 8), int(stem[-1]), dtype=np.uint8)
    label[0] = 255
    return label


def sbd_label(stem):
    return voc_label(stem)[:, ::-1] // 3 + 10


def png(label):
    image = Image.fromarray(label)
    image.putpalette([0, 0, 0, 128, 0, 0])
    buffer = io.BytesIO()
    image.save(buffer, 'PNG')
    return buffer.getvalue()


def mat(label):
    buffer = io.BytesIO()
    savemat(buffer, {'GTcls': {'Segmentation': label, 'CategoriesPresent': [1]}})
    return buffer.getvalue()


def lines(ids):
    return ''.join(f'{stem}\n' for stem in ids).encode()


def voc_files():
    trainval = sorted(VOC_IDS['train'] + VOC_IDS['val'])
    root = 'VOCdevkit/VOC2012'
    files = {
        f'{root}/ImageSets/Segmentation/{name}.txt': lines(ids)
        for name, ids in {**VOC_IDS, 'trainval': trainval}.items()
    }
    files[f'{root}/ImageSets/Main/train.txt'] = b'2011_999999\n'
    for stem in trainval:
        files[f'{root}/SegmentationClass/{stem}.png'] = png(voc_label(stem))
        files[f'{root}/SegmentationObject/{stem}.png'] = b'instances'
    for stem in {*trainval, *SBD_IDS['train'], *SBD_IDS['val'], '2011_999999'}:
        files[f'{root}/JPEGImages/{stem}.jpg'] = f'picture {stem}'.encode()
    return files


def sbd_files():
    root = 'benchmark_RELEASE/dataset'
    files = {f'{root}/{name}.txt': lines(ids) for name, ids in SBD_IDS.items()}
    for stem in SBD_IDS['train'] + SBD_IDS['val']:
        files[f'{root}/cls/{stem}.mat'] = mat(sbd_label(stem))
        files[f'{root}/inst/{stem}.mat'] = b'instances'
    return files


def pack(path, files):
    with tarfile.open(path, 'w:gz' if path.suffix == '.tgz' else 'w') as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def archives(tmp_path):
    return pack(tmp_path / 'voc.tar', voc_files()), pack(tmp_path / 'sbd.tgz', sbd_files())


def ids(out, name):
    return (out / f'ImageSets/Segmentation/{name}.txt').read_text().splitlines()


def assert_only_archives(folder):
    assert sorted(p.name for p in folder.iterdir()) == ['sbd.tgz', 'voc.tar']


def test_lists(archives, tmp_path):
    out = tmp_path / 'out'
    module.prepare_voc(out, *archives, expected_counts=COUNTS)
    assert ids(out, 'train') == VOC_IDS['train']
    assert ids(out, 'val') == VOC_IDS['val']
    assert ids(out, 'trainval') == ['2007_000032', '2007_000033', '2009_000001']
    assert ids(out, 'train_aug') == ['2007_000032', '2008_000008', '2009_000001', '2010_000002']
    assert sorted(p.name for p in out.iterdir()) == ['ImageSets', 'JPEGImages', 'SegmentationClass']


def test_masks_are_those_of_voc_where_they_exist(archives, tmp_path):
    out = tmp_path / 'out'
    module.prepare_voc(out, *archives, expected_counts=COUNTS)
    masks = {p.stem: p for p in (out / 'SegmentationClass').iterdir()}
    assert set(masks) == {*ids(out, 'trainval'), *ids(out, 'train_aug')}
    for stem, path in masks.items():
        if stem in ids(out, 'trainval'):
            assert path.read_bytes() == png(voc_label(stem))
        else:
            with Image.open(path) as mask:
                assert mask.mode == 'P'
                assert mask.getpalette()[3:9] == [128, 0, 0, 0, 128, 0]
                np.testing.assert_array_equal(np.asarray(mask), sbd_label(stem))


def test_only_labelled_pictures_are_kept(archives, tmp_path):
    out = tmp_path / 'out'
    module.prepare_voc(out, *archives, expected_counts=COUNTS)
    pictures = {p.stem: p.read_text() for p in (out / 'JPEGImages').iterdir()}
    expected = {*ids(out, 'trainval'), *ids(out, 'train_aug')}
    assert pictures == {stem: f'picture {stem}' for stem in expected}


def test_wrong_counts_are_refused(archives, tmp_path):
    with pytest.raises(ValueError, match='train_aug has 4 pictures, expected 10582') as caught:
        module.prepare_voc(tmp_path / 'out', *archives)
    assert 'trainval has 3 pictures, expected 2913' in str(caught.value)
    assert_only_archives(tmp_path)


@pytest.mark.parametrize(
    ('member', 'folder'),
    [('JPEGImages/2010_000002.jpg', 'JPEGImages'), ('cls/2008_000008.mat', 'SegmentationClass')],
)
def test_missing_files_are_refused(tmp_path, member, folder):
    voc, sbd = (
        {name: data for name, data in files.items() if not name.endswith(member)}
        for files in (voc_files(), sbd_files())
    )
    packed = pack(tmp_path / 'voc.tar', voc), pack(tmp_path / 'sbd.tgz', sbd)
    with pytest.raises(ValueError, match=f'files are missing in {folder}'):
        module.prepare_voc(tmp_path / 'out', *packed, expected_counts=COUNTS)
    assert_only_archives(tmp_path)


@pytest.mark.parametrize('name', ['voc.tar', 'sbd.tgz'])
def test_truncated_archives_are_refused(archives, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(ValueError, match=f'{name} is damaged|not complete'):
        module.prepare_voc(tmp_path / 'out', *archives, expected_counts=COUNTS)
    assert_only_archives(tmp_path)


@pytest.mark.parametrize('data', [b'', b'no matlab file' * 20], ids=['empty', 'text'])
def test_broken_sbd_labels_are_named(archives, tmp_path, data):
    files = {**sbd_files(), 'benchmark_RELEASE/dataset/cls/2008_000008.mat': data}
    sbd = pack(tmp_path / 'sbd.tgz', files)
    with pytest.raises(ValueError, match=r'cls/2008_000008\.mat is no SBD label'):
        module.prepare_voc(tmp_path / 'out', archives[0], sbd, expected_counts=COUNTS)


def test_members_never_leave_the_folder(archives, tmp_path):
    files = voc_files()
    for stem in ('../escaped', '../../escaped', '/tmp/escaped'):
        files[f'VOCdevkit/VOC2012/SegmentationClass/{stem}.png'] = b'evil'
        files[f'VOCdevkit/VOC2012/JPEGImages/{stem}.jpg'] = b'evil'
    voc = pack(tmp_path / 'voc.tar', files)
    with tarfile.open(voc, 'a') as tar:
        link = tarfile.TarInfo('VOCdevkit/VOC2012/SegmentationClass/link.png')
        link.type, link.linkname = tarfile.SYMTYPE, '/etc/hostname'
        tar.addfile(link)
    module.prepare_voc(tmp_path / 'out', voc, archives[1], expected_counts=COUNTS)
    assert len(list((tmp_path / 'out').rglob('*.*'))) == 2 * 5 + 4
    assert not [p for p in tmp_path.rglob('*') if p.stem in ('escaped', 'link')]


def test_existing_folder_needs_force(archives, tmp_path):
    out = tmp_path / 'out'
    (out / 'JPEGImages').mkdir(parents=True)
    with pytest.raises(FileExistsError, match='--force'):
        module.prepare_voc(out, *archives, expected_counts=COUNTS)
    module.prepare_voc(out, *archives, force=True, expected_counts=COUNTS)
    assert len(ids(out, 'train_aug')) == 4


def test_missing_archives_name_the_pages_and_the_flag(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, 'download', lambda *_, **__: pytest.fail('nobody asked for it'))
    with pytest.raises(SystemExit) as caught:
        command_main('prepare_voc')(['out'])
    message = str(caught.value)
    for part in (module.VOC_PAGE, module.SBD_PAGE, '--voc-archive', '--sbd-archive', '--download'):
        assert part in message
    assert '\n' not in message
    assert list(tmp_path.iterdir()) == []


def test_download_fetches_only_what_is_missing(archives, tmp_path, monkeypatch):
    voc, sbd = archives
    data = sbd.read_bytes()
    sbd.unlink()
    fetched = []

    def fake(url, path, *, md5):
        fetched.append((url, md5))
        path.write_bytes(data)

    monkeypatch.setattr(module, 'download', fake)
    options = ['--voc-archive', str(voc), '--sbd-archive', str(sbd), '--download', '--no-check']
    # The archives are tiny, so the command ends at the counts of the full data set.
    with pytest.raises(SystemExit, match=r'^error: .*expected 10582'):
        command_main('prepare_voc')([tmp_path / 'out', *options])
    assert fetched == [(module.SBD_URL, module.SBD_MD5)]


def test_archives_are_checked_before_anything_is_made(archives, tmp_path):
    voc, sbd = archives
    options = ['--voc-archive', str(voc), '--sbd-archive', str(sbd)]
    message = (
        rf'^error: {voc} is damaged or not the published .* expected {module.VOC_MD5}; --no-check'
    )
    with pytest.raises(SystemExit, match=message):
        command_main('prepare_voc')([tmp_path / 'out', *options])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('value', [300, 256, -1])
def test_label_that_does_not_fit_is_refused(value):
    label = np.full((6, 8), value, np.int16)
    with pytest.raises(ValueError, match=r'x\.mat is no SBD label: its values do not fit'):
        module._sbd_label('x.mat', mat(label))


def test_counts_and_order_of_the_published_lists():
    folder = DATA / 'voc12_lists'
    if not folder.is_dir():
        pytest.skip(f'no published lists in {folder}; set MMSEG_INCREMENTAL_DATA')
    aug, val = (
        re.findall(r'^\w+', (folder / f'{name}_classes.txt').read_text(), re.MULTILINE)
        for name in ('train_aug', 'val')
    )
    assert len(aug) == module.EXPECTED_COUNTS['train_aug']
    assert len(val) == module.EXPECTED_COUNTS['val']
    shuffled = random.Random(0).sample(aug, len(aug))
    train, sbd = shuffled[:1464], shuffled[1000:] + val
    assert module.train_aug_ids(train, val, sbd) == aug
