import io
import json
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmseg.apis import inference_model, init_model
from PIL import Image
from tiny import ROOT, command_main

from mmseg_incremental.errors import InputError
from mmseg_incremental.export import (
    ExportedProgram,
    Labeller,
    Onnx,
    TorchScript,
    export_step,
    formats,
)
from mmseg_incremental.sequence.stored_config import PLAIN_CONFIG

# runs where nothing of ours is imported, and says so
ALONE = """
import json, sys
import numpy as np
path, pictures, out = sys.argv[1:]
files = {'metadata.json': ''}
if path.endswith('.onnx'):
    import onnxruntime
    session = onnxruntime.InferenceSession(path)
    files = session.get_modelmeta().custom_metadata_map
    segment = lambda picture: session.run(None, {'pictures': picture})[0]
else:
    import torch
    torch.set_num_threads(1)
    module = (
        torch.jit.load(path, _extra_files=files)
        if path.endswith('.pt')
        else torch.export.load(path, extra_files=files).module()
    )
    segment = lambda picture: module(torch.from_numpy(picture)).numpy()
np.savez(out, **{name: segment(picture) for name, picture in np.load(pictures).items()})
forbidden = ('mmcv', 'mmengine', 'mmpretrain', 'mmseg', 'cv2')
foreign = sorted({name.split('.')[0] for name in sys.modules if name.startswith(forbidden)})
print(json.dumps(dict(foreign=foreign, metadata=json.loads(files['metadata.json']))))
"""
FEW = '*[02].jpg'
SUFFIXES = {'pt2': '.pt2', 'torchscript': '.pt'}


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


@pytest.fixture(scope='module')
def onnx_file(trained, shapes, tmp_path_factory):
    """The last step as ONNX, and what the command said."""
    out = tmp_path_factory.mktemp('onnx') / 'step.onnx'
    with redirect_stdout(io.StringIO()) as told:
        command_main('export')([trained, '--out', out, '--pictures', shapes / 'JPEGImages' / FEW])
    return out, told.getvalue()


def assert_labels_as_mmseg_does(out, trained, shapes, stock, folder):
    pictures = rendered(shapes)
    wide = np.tile(pictures[0], (1, 2, 1))[:50, :91]
    labels, told = run_alone(
        out, dict(three=batch(*pictures), one=batch(pictures[1]), wide=batch(wide)), folder
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


def test_onnx_labels_as_mmseg_does(onnx_file, trained, shapes, stock, tmp_path):
    out, told = onnx_file
    assert told.startswith(f'wrote {out}: step 2, ONNX, opset 18, ')
    assert ' 0.0000 % of the pixels of ' in told
    assert list(out.parent.iterdir()) == [out]
    assert_labels_as_mmseg_does(out, trained, shapes, stock, tmp_path)


@pytest.mark.parametrize(
    'flags',
    [
        pytest.param(['--format', 'pt2', '--no-fold'], marks=pytest.mark.slow),
        ['--format', 'torchscript'],
    ],
    ids=lambda flags: flags[1],
)
def test_pytorch_alone_labels_as_mmseg_does(
    trained, shapes, stock, flags, tmp_path, capsys, recwarn
):
    folder = tmp_path / 'out'
    folder.mkdir()
    out = folder / f'step_2{SUFFIXES[flags[1]]}'
    few = shapes / 'JPEGImages' / FEW
    command_main('export')([trained, '--out', out, *flags, '--pictures', few])
    told = capsys.readouterr().out
    assert told.startswith(f'wrote {out}: step 2, ')
    assert ' 0.0000 % of the pixels of ' in told
    assert list(folder.iterdir()) == [out]
    assert not [str(w.message) for w in recwarn if 'torch' in w.filename]
    assert_labels_as_mmseg_does(out, trained, shapes, stock, tmp_path)


def test_script_of_the_docs_runs_as_it_is(onnx_file, shapes, stock, tmp_path):
    shutil.copy(onnx_file[0], tmp_path)
    script = (ROOT / 'docs' / 'export.md').read_text().split('## ONNX')[1]
    script = script.split('```python\n')[1].split('```')[0]
    assert len(script.strip().splitlines()) <= 12
    picture = min((shapes / 'JPEGImages').glob('*.jpg'))
    command = [sys.executable, '-c', script, str(picture)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = stock_labels(stock, rendered(shapes, 1)[0])
    labels = Image.open(tmp_path / 'labels.png')
    assert share_of_different(np.asarray(labels), expected) < 1e-3
    assert done.stdout.split() == [stock.dataset_meta['classes'][k] for k in np.unique(labels)]
    palette = np.array(labels.getpalette()).reshape(-1, 3)[:3].tolist()
    assert palette == [list(color) for color in stock.dataset_meta['palette'][:3]]


class Unwritten(TorchScript):
    """The network itself in place of a file, with something added to its labels."""

    def __init__(self, added=0):
        self.added = added

    def save(self, network, size, metadata, path):
        self.network, self.metadata = network, metadata

    def load(self, path):
        def label(pictures):
            return self.network(torch.from_numpy(pictures)).numpy() + self.added

        return label, self.metadata


def test_folding_leaves_no_batch_norm(trained, shapes, tmp_path):
    names = {}
    for fold in (True, False):
        kept = Unwritten()
        export_step(
            trained / 'step_0.pth', tmp_path / 'a', kept, fold=fold, pictures=rendered(shapes, 1)
        )
        names[fold] = set(kept.network.state_dict())
    assert any('running_mean' in name for name in names[False])
    assert not any('running_mean' in name for name in names[True])
    assert not any(name.startswith('auxiliary') for name in names[True])


def test_fixed_size(trained, shapes, stock, tmp_path):
    out = tmp_path / 'fixed.pt2'
    done = export_step(trained, out, ExportedProgram(), size=(48, 64))
    assert (done.step, done.num_pictures) == (2, 1)
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


def test_file_that_labels_otherwise_is_not_kept(trained, shapes, tmp_path):
    with pytest.raises(InputError, match=r'not written, since it would label 100\.00 % of'):
        export_step(trained, tmp_path / 'a.pt2', Unwritten(added=1), pictures=rendered(shapes, 2))
    assert list(tmp_path.iterdir()) == []


def broken(trained, folder, change):
    content = torch.load(trained / 'step_0.pth', weights_only=True)
    change(content['meta'][PLAIN_CONFIG])
    torch.save(content, folder / 'step_0.pth')
    return [folder / 'step_0.pth', '--out', folder / 'out.pt2', '--format', 'pt2']


def resize(cfg):
    cfg['test_pipeline'].insert(1, dict(type='Resize', scale=(32, 32)))


def slide(cfg):
    cfg['model']['test_cfg'] = dict(mode='slide', crop_size=(32, 32), stride=(16, 16))


def pad(cfg):
    cfg['model']['data_preprocessor']['test_cfg'] = dict(size_divisor=32)


def link(cfg):
    cfg['model']['type'] = 'IncrementalEncoderDecoder'


def other_classes(cfg):
    cfg['model']['decode_head']['num_classes'] = 9


def no_head(cfg):
    del cfg['model']['decode_head']


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (resize, r"\['Resize'\] of its test_pipeline cannot be exported"),
        (slide, "only the test mode 'whole'"),
        (pad, 'test_cfg of the data preprocessor'),
        (link, 'decisions of its method are not those of stock mmseg'),
        (other_classes, 'does not fit the model'),
        (no_head, 'not the plain config of a step'),
    ],
)
def test_steps_that_cannot_be_exported(trained, tmp_path, change, message):
    with pytest.raises(SystemExit, match=rf'^error: .*{message}'):
        command_main('export')(broken(trained, tmp_path, change))
    assert [path.name for path in tmp_path.iterdir()] == ['step_0.pth']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['{trained}/step_9.pth'], 'neither a work dir nor the step_T.pth'),
        (['{trained}/step_0.py'], 'is a config; give .*step_0.pth beside it'),
        (['{trained}', '--step', '9'], 'step 9 is not there; finished are 0, 1, 2'),
        (['{trained}/step_0.pth', '--step', '2'], 'step 2 is not there; finished are 0'),
        (['{trained}/step_0'], 'holds no finished step'),
        (['{trained}', '--out', '{out}/a/b.onnx'], 'cannot be written'),
        (['{trained}', '--size', '0', '9'], 'size must be'),
        (['{trained}', '--pictures', '{trained}/results.json'], 'neither a picture'),
        (['{trained}', '--pictures', '{trained}'], 'no picture there'),
    ],
)
def test_bad_arguments_are_one_clear_line(trained, tmp_path, arguments, message):
    values = dict(trained=trained, out=tmp_path / 'out')
    arguments = ['--out', tmp_path / 'out.onnx', *(a.format(**values) for a in arguments)]
    with pytest.raises(SystemExit, match=rf'^error: .*{message}[^\n]*$'):
        command_main('export')(arguments)
    assert list(tmp_path.iterdir()) == []


def test_missing_package_is_told_with_its_install_line(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    line = r"needs onnxruntime: pip install 'mmseg-incremental\[onnx\]'"
    with pytest.raises(InputError, match=line):
        export_step(trained, tmp_path / 'a.onnx', Onnx())


def test_weights_alone_are_not_a_step(trained, tmp_path):
    shutil.copy(trained / 'step_0.py', tmp_path)
    torch.save(dict(weight=torch.ones(1)), tmp_path / 'step_0.pth')
    with pytest.raises(InputError, match='not the checkpoint of a step'):
        export_step(tmp_path, tmp_path / 'out.pt2', ExportedProgram())


@pytest.mark.parametrize('kind', [ExportedProgram, TorchScript])
def test_network_that_cannot_be_traced_is_one_clear_error(kind, tmp_path):
    class Branches(torch.nn.Module):
        def forward(self, pictures):
            if kind is TorchScript:
                raise RuntimeError('no such operator')
            return pictures if pictures.sum().item() > 3 else -pictures

    with pytest.raises(InputError, match=r'cannot be exported; a fixed size \(--size H W\) may'):
        kind().save(Branches(), None, {}, str(tmp_path / 'out'))


def test_opset_that_cannot_be_written_is_refused(tmp_path):
    class Halved(torch.nn.Module):
        def forward(self, pictures):
            return pictures[:, 0] // 2

    path = str(tmp_path / 'a.onnx')
    Onnx(20).save(Halved().eval(), None, {'classes': ['a']}, path)
    labels, metadata = Onnx().load(path)
    assert metadata == {'classes': ['a']}
    assert labels(np.full((1, 3, 5, 7), 9, np.uint8)).tolist() == [[[4] * 7] * 5]
    with pytest.raises(InputError, match='opset 3'):
        Onnx(3).save(Halved().eval(), None, {}, str(tmp_path / '3.onnx'))


def test_failed_write_leaves_nothing(trained, tmp_path, monkeypatch):
    def fail(_program, name, **_more):
        Path(name).write_text('half')
        raise OSError('no space left on device')

    monkeypatch.setattr(torch.export, 'save', fail)
    with pytest.raises(OSError, match='no space'):
        export_step(trained, tmp_path / 'out.pt2', ExportedProgram(), size=(64, 64))
    assert list(tmp_path.iterdir()) == []
    assert formats.METADATA == 'metadata.json'
