"""Commands end with one line when something is wrong outside of them."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from tiny import ROOT, cfg_options, command_main, leaf

from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.utils.files import check_can_be_written


def run_limited(arguments, size):
    """Run a command that can write no file larger than a number of bytes."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )


def test_full_disk_is_one_line(shapes, tmp_path):
    work_dir = tmp_path / 'full'
    arguments = [ROOT / 'tools' / 'train.py', leaf(), '--work-dir', work_dir, '--steps', 0]
    done = run_limited([*arguments, *cfg_options(shapes)], 2_000_000)
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith('error: ')
    assert not (work_dir / 'step_0.pth').exists()
    assert not list(work_dir.glob('.*.pth'))


def test_torchs_own_words_about_a_full_disk_are_explained(tmp_path):
    code = (
        'import torch\n'
        'from mmseg_incremental.utils.one_line import one_line_errors\n'
        f'with one_line_errors(): torch.save(torch.ones(9999), {str(tmp_path / "x.pth")!r})'
    )
    done = run_limited(['-c', code], 9000)
    assert done.returncode == 1
    assert done.stderr.startswith('error: a checkpoint could not be written; is the disk full?')
    assert done.stderr.count('\n') == 1


@pytest.mark.parametrize('out', ['nowhere/out.json', 'file/out.json', 'n' * 300, '.', 'a\0b'])
def test_out_is_tried_before_the_evaluation(trained, shapes, tmp_path, out, monkeypatch):
    (tmp_path / 'file').write_text('')
    with pytest.raises(InputError, match='cannot be written'):
        check_can_be_written(tmp_path / out)
    if '\0' not in out:
        monkeypatch.setattr('mmseg_incremental.engine.evaluate_run.evaluate_step', None)
        with pytest.raises(SystemExit, match=r'^error: .*cannot be written[^\n]*$'):
            command_main('test')([leaf(), trained, '--out', tmp_path / out, *cfg_options(shapes)])
    assert os.listdir(tmp_path) == ['file']


@pytest.mark.parametrize('name', ['work_dir', 'data_root', 'backbone_weights'])
@pytest.mark.parametrize('value', ['n' * 300, 'a\0b'], ids=['long', 'nul'])
def test_odd_paths_are_one_line(shapes, tmp_path, name, value):
    changes = {} if name == 'data_root' else {name: value}
    options = cfg_options(value if name == 'data_root' else shapes, **changes)
    work_dir = [] if name == 'work_dir' else ['--work-dir', tmp_path / 'x']
    with pytest.raises(SystemExit, match=r'^error: '):
        command_main('train')([leaf(), *work_dir, '--steps', 0, *options])


def test_interrupt_during_imports_is_one_line():
    process = subprocess.Popen(
        [sys.executable, ROOT / 'tools' / 'train.py', leaf(), '--dry-run'],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not loads_torch(process.pid):
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert error.strip().splitlines() == ['interrupted']


def loads_torch(pid):
    """Whether a process has begun to import PyTorch."""
    with open(f'/proc/{pid}/maps', 'rb') as file:
        return b'libtorch' in file.read()


@pytest.mark.parametrize(
    'steps',
    [
        '{"0": 3}',
        '{"0": {"mIoU": {}}}',
        '{"0": {"mIoU": [1], "mIoU_with_background": {}, "IoU": {}}}',
        '{"0": {"mIoU": {"all": "x"}, "mIoU_with_background": {}, "IoU": {}}}',
        '{"0": {"mIoU": {"all": true}, "mIoU_with_background": {}, "IoU": {}}}',
        '{"0": ' + '[' * 200_000 + ']' * 200_000 + '}',
    ],
    ids=['step', 'kinds', 'list', 'text', 'bool', 'depth'],
)
def test_results_of_other_types_are_damaged(tmp_path, steps):
    path = tmp_path / 'results.json'
    path.write_text(f'{{"sequence": {{}}, "steps": {steps}}}')
    with pytest.raises(InputError, match=r'results\.json: damaged results file .*--resume'):
        SequenceResults.load(path)


def test_whole_results_are_read(tmp_path):
    step = {'mIoU': {'all': None}, 'mIoU_with_background': {'all': 1}, 'IoU': {'disc': 0.5}}
    (tmp_path / 'results.json').write_text(json.dumps({'sequence': {}, 'steps': {'0': step}}))
    assert SequenceResults.load(tmp_path / 'results.json').steps == {0: step}
