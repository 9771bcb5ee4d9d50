import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import inference_model, init_model
from PIL import Image
from tiny import command_main, leaf

from mmseg_incremental.engine import export, export_step
from mmseg_incremental.engine.export import Labeller
from mmseg_incremental.errors import InputError

# runs where nothing of ours is imported, and says so
ALONE = """
import json, sys
import numpy as np
import torch
path, pictures, out = sys.argv[1:]
torch.set_num_threads(1)
files = {'metadata.json': ''}
segment = torch.export.load(path, extra_files=files).module()
labels = {}
for name, picture in np.load(pictures).items():
    labels[name] = segment(torch.from_numpy(picture)).numpy()
np.savez(out, **labels)
forbidden = ('mmcv', 'mmengine', 'mmpretrain', 'mmseg', 'cv2')
foreign = sorted({name.split('.')[0] for name in sys.modules if name.startswith(forbidden)})
print(json.dumps(dict(foreign=foreign, metadata=json.loads(files['metadata.json']))))
"""


def run_alone(path, pictures, folder):
    np.savez(folder / 'pictures.npz', **pictures)
    command = [sys.executable, '-c', ALONE, path, folder / 'pictures.npz', folder / 'labels.npz']
    done = subprocess.run(
        [*map(str, command)], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return np.load(folder / 'labels.npz'), json.loads(done.stdout)


def rendered(shapes, number=3):
    """Pictures as OpenCV reads them, (H, W, 3) in BGR."""
    paths = sorted((shapes / 'JPEGImages').glob('*.jpg'))[:number]
    return [np.asarray(Image.open(path).convert('RGB'))[..., ::-1].copy() for path in paths]


def batch(*pictures):
    return np.stack(pictures).transpose(0, 3, 1, 2).copy()


@pytest.fixture(scope='module')
def stock(trained):
    return init_model(str(trained / 'step_2.py'), str(trained / 'step_2.pth'), device='cpu')


def stock_labels(stock, picture):
    return inference_model(stock, picture).pred_sem_seg.data[0].numpy()


def share_of_different(one, other):
    assert one.shape == other.shape
    return np.mean(one != other)


@pytest.mark.parametrize('flags', [[], ['--no-fold']], ids=['folded', 'not folded'])
def test_exported_step_labels_as_mmseg_does(
    trained, shapes, stock, flags, tmp_path, capsys, recwarn
):
    out = tmp_path / 'step_2.pt2'
    command_main('export')([trained, trained / 'step_2.pth', out, *flags])
    assert capsys.readouterr().out.startswith(f'wrote {out} (')
    assert list(tmp_path.iterdir()) == [out]
    assert not [w for w in recwarn if 'torch' in w.filename]

    pictures = rendered(shapes)
    wide = np.tile(pictures[0], (1, 2, 1))[:50, :91]
    labels, told = run_alone(
        out, dict(three=batch(*pictures), one=batch(pictures[1]), wide=batch(wide)), tmp_path
    )
    assert told['foreign'] == []
    checkpoint = torch.load(trained / 'step_2.pth', weights_only=True)
    assert told['metadata'] == dict(**checkpoint['meta']['dataset_meta'], size=None)
    assert all(values.dtype == np.uint8 for values in labels.values())

    expected = [stock_labels(stock, picture) for picture in pictures]
    assert len(np.unique(expected)) > 1
    assert share_of_different(labels['three'], np.stack(expected)) < 1e-3
    assert share_of_different(labels['one'][0], expected[1]) < 1e-3
    assert share_of_different(labels['wide'][0], stock_labels(stock, wide)) < 1e-3


def test_folding_leaves_no_batch_norm(trained, tmp_path):
    names = {}
    for fold in (True, False):
        out = tmp_path / f'{fold}.pt2'
        export_step(trained / 'step_0.py', trained / 'step_0.pth', out, fold=fold)
        names[fold] = set(torch.export.load(out).state_dict)
    assert any('running_mean' in name for name in names[False])
    assert not any('running_mean' in name for name in names[True])
    assert not any(name.startswith('auxiliary') for name in names[True])


def test_fixed_size(trained, shapes, stock, tmp_path):
    out = tmp_path / 'fixed.pt2'
    export_step(trained, trained / 'step_2.pth', out, size=(48, 64))
    segment = torch.export.load(out).module()
    pictures = [picture[:48] for picture in rendered(shapes)]
    labels = segment(torch.from_numpy(batch(*pictures))).numpy()
    expected = np.stack([stock_labels(stock, picture) for picture in pictures])
    assert share_of_different(labels, expected) < 1e-3
    with pytest.raises(AssertionError, match='Guard failed'):
        segment(torch.zeros(1, 3, 64, 64, dtype=torch.uint8))


@pytest.mark.parametrize('order', [dict(bgr_to_rgb=True), dict(rgb_to_bgr=True), dict()])
def test_colours_go_in_the_order_that_the_network_learnt(order):
    """Here the logits are the colours that the network sees."""
    head = torch.nn.Identity()
    head.align_corners = False
    labeller = Labeller(SimpleNamespace(backbone=head, decode_head=head, with_neck=False), order)
    blue = torch.tensor([255, 0, 0], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 4, 4)
    assert labeller(blue).unique().tolist() == [2 if order else 0]


def broken(trained, folder, change):
    cfg = Config.fromfile(trained / 'step_0.py')
    change(cfg)
    cfg.dump(folder / 'step_0.py')
    return [folder / 'step_0.py', trained / 'step_0.pth', folder / 'out.pt2']


def resize(cfg):
    cfg.test_pipeline.insert(1, dict(type='Resize', scale=(32, 32)))


def slide(cfg):
    cfg.model.test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(16, 16))


def pad(cfg):
    cfg.model.data_preprocessor.test_cfg = dict(size_divisor=32)


def link(cfg):
    cfg.model.type = 'IncrementalEncoderDecoder'


def other_classes(cfg):
    cfg.model.decode_head.num_classes = 9


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (resize, r"\['Resize'\] of its test_pipeline cannot be exported"),
        (slide, "only the test mode 'whole'"),
        (pad, 'test_cfg of the data preprocessor'),
        (link, 'decisions of its method are not those of stock mmseg'),
        (other_classes, 'does not fit the model'),
    ],
)
def test_steps_that_cannot_be_exported(trained, tmp_path, change, message):
    with pytest.raises(SystemExit, match=rf'^error: .*{message}'):
        command_main('export')(broken(trained, tmp_path, change))
    assert [path.name for path in tmp_path.iterdir()] == ['step_0.py']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{trained}', '{trained}/step_9.pth', '{out}.pt2'], 'checkpoint not found'),
        (['{trained}/step_9.py', '{trained}/step_0.pth', '{out}.pt2'], 'config not found'),
        (['{out}', '{trained}/step_0.pth', '{out}.pt2'], 'config not found'),
        (['{trained}', '{trained}/step_0.pth', '{out}.pth'], 'must be called NAME.pt2'),
        (['{trained}', '{trained}/step_0.pth', '{out}/a/b.pt2'], 'folder does not exist'),
        (['{leaf}', '{trained}/step_0.pth', '{out}.pt2'], 'not the plain config of a step'),
        (['{trained}', '{trained}/step_0.pth', '{out}.pt2', '--size', '0', '9'], 'size must be'),
    ],
)
def test_bad_arguments_are_one_clear_line(trained, tmp_path, arguments, message):
    values = dict(trained=trained, out=tmp_path / 'out', leaf=leaf())
    with pytest.raises(SystemExit, match=rf'^error: .*{message}[^\n]*$'):
        command_main('export')([a.format(**values) for a in arguments])
    assert list(tmp_path.iterdir()) == []


def test_weights_alone_are_not_a_step(trained, tmp_path):
    shutil.copy(trained / 'step_0.py', tmp_path)
    torch.save(dict(weight=torch.ones(1)), tmp_path / 'step_0.pth')
    with pytest.raises(InputError, match='not the checkpoint of a step'):
        export_step(tmp_path, tmp_path / 'step_0.pth', tmp_path / 'out.pt2')


def test_network_that_cannot_be_traced_is_one_clear_error():
    class Branches(torch.nn.Module):
        def forward(self, pictures):
            return pictures if pictures.sum().item() > 3 else -pictures

    with pytest.raises(InputError, match=r'cannot be exported; a fixed size \(--size H W\) may'):
        export._trace(Branches(), None)


def test_failed_write_leaves_nothing(trained, tmp_path, monkeypatch):
    def fail(_program, name, **_more):
        Path(name).write_text('half')
        raise OSError('no space left on device')

    monkeypatch.setattr(torch.export, 'save', fail)
    with pytest.raises(OSError, match='no space'):
        export_step(trained, trained / 'step_0.pth', tmp_path / 'out.pt2', size=(64, 64))
    assert list(tmp_path.iterdir()) == []


def test_help_tells_how_to_load(capsys):
    with pytest.raises(SystemExit):
        command_main('export')(['--help'])
    assert 'torch.export.load' in capsys.readouterr().out
