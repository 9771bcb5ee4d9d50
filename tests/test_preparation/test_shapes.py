import itertools
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from tiny import command_main, run_tool

from mmseg_incremental.preparation import shapes


@pytest.fixture(scope='module')
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp('shapes') / 'data'
    shapes.make_shapes(out, num_train=6, num_val=2, size=64, seed=3)
    return out


@pytest.fixture(scope='module')
def pictures():
    return [shapes.render(np.random.default_rng(number), 64) for number in range(120)]


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def classes(label):
    return set(np.unique(label).tolist()) - {0, 255}


def test_layout_is_that_of_voc(dataset):
    for name, count in (('train', 6), ('val', 2)):
        ids = (dataset / f'ImageSets/Segmentation/{name}.txt').read_text().split()
        assert len(ids) == count
        for stem in ids:
            with (
                Image.open(dataset / f'JPEGImages/{stem}.jpg') as image,
                Image.open(dataset / f'SegmentationClass/{stem}.png') as mask,
            ):
                assert (image.mode, image.size) == ('RGB', (64, 64))
                assert (mask.mode, mask.size) == ('P', (64, 64))
                assert mask.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
                assert mask.getpalette()[-3:] == [224, 224, 192]
                assert set(np.unique(mask)) <= {0, 1, 2, 3, 4, 5, 6, 255}
    assert len(content(dataset)) == 2 * 8 + 2
    assert [p.name for p in dataset.parent.iterdir()] == ['data']


def test_every_picture_shows_two_to_four_classes(pictures):
    shown = [classes(label) for _, label in pictures]
    assert {len(s) for s in shown} == {2, 3, 4}
    for image, label in pictures:
        assert image.shape == (64, 64, 3)
        assert image.dtype == label.dtype == np.uint8
        assert min(np.sum(label == k) for k in classes(label)) >= 10


def test_all_pairs_of_classes_share_pictures(pictures):
    pairs = Counter(
        pair for _, label in pictures for pair in itertools.combinations(sorted(classes(label)), 2)
    )
    assert set(pairs) == set(itertools.combinations(range(1, 7), 2))
    assert min(pairs.values()) >= 10


def test_a_contour_separates_shapes_from_everything_else(pictures):
    for _, label in pictures:
        for here, there in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
            different = here != there
            assert np.all((here == 255) | (there == 255) | ~different)


def test_contour_is_thin(pictures):
    for _, label in pictures:
        void = label == 255
        blocks = void[:-3, :-3].copy()
        for row, column in itertools.product(range(4), repeat=2):
            blocks &= void[row : row + len(blocks), column : column + len(blocks)]
        assert not blocks.any()


def test_pictures_depend_on_seed_and_number_only(dataset, tmp_path):
    shapes.make_shapes(tmp_path / 'more', num_train=8, num_val=3, size=64, seed=3)
    shapes.make_shapes(tmp_path / 'other', num_train=6, num_val=2, size=64, seed=4)
    first, more, other = (content(p) for p in (dataset, tmp_path / 'more', tmp_path / 'other'))
    files = {name for name in first if not name.endswith('.txt')}
    assert all(first[name] == more[name] for name in files)
    assert all(first[name] != other[name] for name in files)
    assert len({first[name] for name in files}) == len(files)


def test_classes_have_their_hues_but_vary(pictures):
    for value, kind in enumerate(shapes.CLASSES, 1):
        hues = []
        for image, label in pictures:
            if value in label:
                hue = np.asarray(Image.fromarray(image).convert('HSV'))[..., 0][label == value]
                hues.append(np.exp(2j * np.pi * hue / 256).mean())
        deviations = np.angle(np.array(hues) * np.exp(-2j * np.pi * kind.hue)) / (2 * np.pi)
        assert abs(deviations.mean()) < 0.04
        assert 0.03 < deviations.std() < 0.12


def test_existing_content_is_kept_without_force(dataset, tmp_path):
    before = content(dataset)
    with pytest.raises(FileExistsError, match='not empty'):
        shapes.make_shapes(dataset, 1, 1, 64)
    assert content(dataset) == before

    out = tmp_path / 'old'
    (out / 'JPEGImages').mkdir(parents=True)
    (out / 'JPEGImages/old.jpg').touch()
    shapes.make_shapes(out, 1, 1, 64, force=True)
    pictures = sorted(p.name for p in (out / 'JPEGImages').iterdir())
    assert pictures == ['train_00000.jpg', 'val_00000.jpg']
    assert [p.name for p in tmp_path.iterdir()] == ['old']


def test_force_never_deletes_a_folder_with_other_files(tmp_path):
    (tmp_path / 'thesis.tex').write_text('precious')
    with pytest.raises(FileExistsError, match=r'thesis\.tex'):
        shapes.make_shapes(tmp_path, 1, 1, 64, force=True)
    assert content(tmp_path) == {'thesis.tex': b'precious'}


def test_failing_run_leaves_nothing(tmp_path, monkeypatch):
    def broken(rng, size):
        raise RuntimeError('broken')

    monkeypatch.setattr(shapes, 'render', broken)
    with pytest.raises(RuntimeError, match='broken'):
        shapes.make_shapes(tmp_path / 'data', 1, 1, 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--size', '20'], 'size must be at least 48'),
        (['--num-val', '0'], 'at least one picture'),
        (['--seed', '-1'], 'must not be negative'),
    ],
)
def test_bad_options_are_one_clear_line(tmp_path, options, message):
    with pytest.raises(SystemExit, match=rf'^error: .*{message}.*$'):
        command_main('make_shapes')([tmp_path / 'data', *options])
    assert list(tmp_path.iterdir()) == []


def test_command_line(tmp_path):
    name, options = (
        'dataset_converters/make_shapes',
        ['--num-train', 2, '--num-val', 1, '--size', 48],
    )
    run = run_tool(name, tmp_path / 'data', *options)
    assert run.returncode == 0, run.stderr
    assert '2 training and 1 validation' in run.stdout
    again = run_tool(name, tmp_path / 'data', *options)
    assert again.returncode == 1
    assert again.stderr.count('\n') == 1
    assert 'is not empty' in again.stderr
