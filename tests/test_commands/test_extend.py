"""A class added to a plain mmseg model that exists, by the real command."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer
from mmseg.apis import init_model
from mmseg.registry import MODELS
from PIL import Image
from stock_models import stock_config
from tiny import OPTIONS, ROOT, assert_same_weights, command_main, run_until_killed

from mmseg_incremental.apis import RunOptions, load_sequence, run_sequence
from mmseg_incremental.sequence import load_checkpoint

NAMES = ['background', 'disc', 'square', 'triangle']
STREETS = ['sky', 'road', 'car']


class Danger:
    """What a checkpoint must not hold."""


def save_model(folder: Path, names: list[str], name: str = 'bisenetv1', **content: object) -> list:
    """A plain config and an untrained checkpoint as MMEngine writes it."""
    cfg = stock_config(name, folder, names, folder, iters=1, crop=32)
    folder.mkdir(parents=True, exist_ok=True)
    cfg.dump(folder / 'model.py')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    meta = dict(dataset_meta=dict(classes=names, palette=[[0, 0, 0]] * len(names)))
    hub = dict(log_scalars={'train/loss': HistoryBuffer([1.0], [1])})
    whole = dict(meta=meta, state_dict=model.state_dict(), message_hub=hub)
    torch.save({**whole, **content}, folder / 'model.pth')
    return [folder / 'model.py', folder / 'model.pth']


@pytest.fixture(scope='module')
def plain(tmp_path_factory: pytest.TempPathFactory) -> list:
    return save_model(tmp_path_factory.mktemp('plain'), NAMES)


def write_masks(root: Path, mask_of: Callable[[np.ndarray], np.ndarray], shapes: Path) -> Path:
    """Pictures of the shapes with masks of one's own."""
    (root / 'images').mkdir(parents=True)
    (root / 'masks').mkdir()
    for path in sorted((shapes / 'SegmentationClass').glob('train_*.png'))[:24]:
        label = np.asarray(Image.open(path))
        Image.fromarray(mask_of(label).astype(np.uint8)).save(root / 'masks' / path.name)
        picture = (shapes / 'JPEGImages' / path.name).with_suffix('.jpg')
        (root / 'images' / picture.name).symlink_to(picture)
    return root


@pytest.fixture(scope='module')
def new_data(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures on which crosses alone are labelled."""
    return write_masks(tmp_path_factory.mktemp('new') / 'd', lambda y: y == 6, shapes)


def extend(*args: object) -> None:
    command_main('extend')([*args])


def run_tiny(model: list, data: Path, work_dir: Path, *args: object) -> None:
    options = ('train_dataloader.num_workers=0', 'train_dataloader.persistent_workers=False',
               'test_dataloader.num_workers=0')  # fmt: skip
    extend(
        *model, '--data-root', data, '--work-dir', work_dir, '--iters', 2, '--batch-size', 4,
        '--new-val', '0.3', *args, '--cfg-options', *options,
    )  # fmt: skip


def test_dry_run_says_what_it_understood_and_writes_nothing(
    plain: list, new_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    work_dir = tmp_path / 'work'
    args = ('--add', 'cross', '--data-root', new_data, '--work-dir', work_dir, '--dry-run')
    extend(*plain, *args)
    out = capsys.readouterr().out
    assert 'old classes: disc, square, triangle (with a background)' in out
    assert 'new classes: cross' in out
    assert '0 = not labelled (background or any old class)' in out
    assert re.search(r'\b1 │ cross\b', out)
    assert not work_dir.exists()


@pytest.mark.slow
@pytest.mark.parametrize('names', [NAMES, STREETS], ids=['background', 'none'])
def test_extended_twice(names: list[str], shapes: Path, new_data: Path, tmp_path: Path) -> None:
    model = save_model(tmp_path / 'plain', names)
    old = write_masks(tmp_path / 'old', lambda y: np.where(y < len(names), y, 255), shapes)
    run_tiny(model, new_data, tmp_path / 'one', '--add', 'cross', '--old-data-root', old)
    step_0 = [tmp_path / 'one' / 'step_0.py', tmp_path / 'one' / 'step_0.pth']
    step_1 = [tmp_path / 'one' / 'step_1.py', tmp_path / 'one' / 'step_1.pth']
    picture = torch.randint(0, 255, (1, 3, 40, 56)).float()
    before, taken, after = (
        init_model(str(cfg), str(weights), device='cpu') for cfg, weights in (model, step_0, step_1)
    )
    metas = [dict(img_shape=(40, 56), ori_shape=(40, 56))]
    with torch.no_grad():
        logits = [m.encode_decode(picture, metas) for m in (before, taken, after)]
    assert torch.equal(logits[0], logits[1]), 'to the last bit'
    assert logits[2].shape[1] == len(names) + 1
    assert list(after.dataset_meta['classes']) == [*names, 'cross']
    assert Config.fromfile(step_1[0]).test_pipeline == Config.fromfile(model[0]).test_pipeline
    report = (tmp_path / 'one' / 'report.md').read_text()
    assert '| cross | - | ' in report
    assert 'cannot be known' not in report
    assert (tmp_path / 'one' / 'pictures' / 'predictions.png').is_file()
    page = (tmp_path / 'one' / 'report.html').read_text()
    assert 'Every class after every step' in page
    assert 'Who is taken for whom' not in page  # two data sets, each of which knows some classes

    run_tiny(step_1, new_data, tmp_path / 'two', '--add', 'again')
    meta = load_checkpoint(tmp_path / 'two' / 'step_1.pth')['meta']
    assert meta['dataset_meta']['classes'] == [*names, 'cross', 'again']
    assert 'was forgotten cannot be known' in (tmp_path / 'two' / 'report.md').read_text()


@pytest.mark.slow
def test_interrupted_extension_goes_on_to_the_same_weights(
    plain: list, new_data: Path, tmp_path: Path
) -> None:
    config, checkpoint = map(str, plain)
    changes = {
        'base.config': config, 'base.checkpoint': checkpoint, 'task.add': ['cross'],
        'new_val': 0.3, 'train_dataloader.persistent_workers': False,
    }  # fmt: skip
    leaf = str(ROOT / 'configs' / 'extend.py')
    run_until_killed(new_data, tmp_path / 'killed', 1, 5, config=leaf, **changes)
    assert not (tmp_path / 'killed' / 'step_1.pth').exists()
    assert (tmp_path / 'killed' / 'step_1' / 'iter_4.pth').exists()
    for name, resume in (('killed', True), ('whole', False)):
        options = {'data_root': str(new_data), **OPTIONS, **changes}
        sequence = load_sequence(leaf, options, str(tmp_path / name))
        run_sequence(sequence, RunOptions(resume=resume))
    assert_same_weights(tmp_path / 'killed', tmp_path / 'whole', steps=2)


def refused(*args: object) -> str:
    with pytest.raises(SystemExit) as error:
        extend(*args)
    message = str(error.value)
    assert message.startswith('error: ')
    assert len(message.splitlines()) == 1
    return message


def test_bad_models_are_refused_in_one_line(plain: list, new_data: Path, tmp_path: Path) -> None:
    config, checkpoint = plain
    rest = ('--add', 'cross', '--data-root', new_data, '--dry-run')

    pickled = save_model(tmp_path / 'pickled', NAMES, optimizer=Danger())
    assert 'objects other than tensors' in refused(*pickled, *rest)

    nameless = save_model(tmp_path / 'nameless', NAMES, meta={})
    assert 'does not name its classes' in refused(*nameless, *rest)
    assert "'background' in" not in refused(*nameless, *rest, '--classes', 'a', 'b')
    assert '4 channels, but 2 classes' in refused(*nameless, *rest, '--classes', 'a', 'b')

    other = save_model(tmp_path / 'other', NAMES, 'aspp_r18')
    assert 'of another network' in refused(config, other[1], *rest)

    cfg = Config.fromfile(config)
    cfg.model.decode_head.type = 'PointHead'
    cfg.dump(tmp_path / 'point.py')
    assert 'PointHead cannot learn step by step' in refused(
        tmp_path / 'point.py', checkpoint, *rest
    )

    cfg = Config.fromfile(config)
    cfg.model.type = 'CascadeEncoderDecoder'
    cfg.dump(tmp_path / 'cascade.py')
    assert 'only an EncoderDecoder' in refused(tmp_path / 'cascade.py', checkpoint, *rest)

    same = ('--add', 'disc', '--data-root', new_data, '--dry-run')
    assert "'disc' cannot be added, the model has it" in refused(*plain, *same)
    assert 'not found' in refused(tmp_path / 'none.py', checkpoint, *rest)
    assert 'the config comes first' in refused(checkpoint, config, *rest)
    cfg = Config.fromfile(config)
    cfg.model.decode_head.num_classes = 5
    cfg.dump(tmp_path / 'larger.py')
    assert 'it has 4 classes, and' in refused(tmp_path / 'larger.py', checkpoint, *rest)
    for share in (20, -1):
        assert 'new_val must be a share' in refused(*plain, *rest, '--new-val', share)
    assert 'folder not found' in refused(*plain, '--add', 'cross', '--data-root', tmp_path / 'no')
    assert 'CLASS=VALUE' in refused(*plain, *rest, '--labels', 'cross')


@pytest.mark.parametrize(
    ('mask_of', 'warning'),
    [
        (lambda y: 255 * (y > 0), 'value 255 is taken for void, but looks like a class'),
        (lambda y: y == 99, "class 'cross' (value 1) never occurs"),
        (lambda y: np.ones_like(y), 'every pixel is labelled'),
        (lambda y: np.where(y % 2, 0, 1) if (y == 1).any() else np.ones_like(y),
         'value 0 is taken for background, but looks like a class'),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_right(
    mask_of: Callable,
    warning: str,
    plain: list,
    shapes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    data = write_masks(tmp_path / 'data', mask_of, shapes)
    with suppress(SystemExit):  # a step without pictures is refused, after the warnings
        extend(*plain, '--add', 'cross', '--data-root', data, '--dry-run')
    assert f'warning: {warning}' in capsys.readouterr().out
