"""Loggers, by the files that they write."""

import json
import struct
import sys

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tiny import cfg_options, command_main, leaf, tiny_sequence

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.loggers import SequenceLog
from mmseg_incremental.utils.loggers import check_loggers

_BLOCK, _HEADER = 32768, struct.Struct('<IHB')


def wandb_records(path):
    """Records of a ``.wandb`` file: protocol buffers in a log of LevelDB, behind seven bytes."""
    wandb_internal_pb2 = pytest.importorskip('wandb.proto.wandb_internal_pb2')
    content, place, parts = path.read_bytes(), 7, []
    assert content[:4] == b':W&B'
    while place + _HEADER.size <= len(content):
        if _BLOCK - place % _BLOCK < _HEADER.size:
            place += _BLOCK - place % _BLOCK
            continue
        _, length, kind = _HEADER.unpack_from(content, place)
        place += _HEADER.size
        parts.append(content[place : place + length])
        place += length
        if kind in (1, 4):  # whole, or the last part of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(b''.join(parts))
            yield record
            parts = []


@pytest.fixture(scope='module')
def logged(shapes, trained, tmp_path_factory):
    """A sequence with both loggers, of which one step is taken, one trained and one left out."""
    work_dir = tmp_path_factory.mktemp('logged') / 'mib'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('WANDB_MODE', 'offline')
        patch.setenv('WANDB_SILENT', 'true')
        changes = {'default_hooks.logger.interval': 4, 'step_schedule.later.num_evaluations': 2}
        sequence = tiny_sequence(shapes, work_dir, **changes)
        options = RunOptions([0, 1], base=trained, log=('tensorboard', 'wandb'))
        results = run_sequence(sequence, options)
    return work_dir, results


def test_tensorboard_has_one_run_with_all_of_it(logged):
    work_dir, results = logged
    (events,) = (work_dir / 'tensorboard').iterdir()
    read = EventAccumulator(str(events), size_guidance={'images': 0}).Reload()
    scalars = {
        tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()['scalars']
    }
    # six iterations of step 0 come before those of step 1
    assert [step for step, _ in scalars['train/loss']] == [10, 12]
    assert {'train/decode.loss_unce', 'train/distill.loss_unkd', 'train/lr'} <= set(scalars)
    for step, end in ((0, 6), (1, 12)):
        for kind, name in (('mIoU', '1-4'), ('IoU', 'disc'), ('mIoU_with_background', 'all')):
            value = results.steps[step][kind][name]
            assert (end, pytest.approx(value, rel=1e-5)) in scalars[f'{kind}/{name}']
    assert [step for step, _ in scalars['over_steps/all']] == [0, 1]
    assert [step for step, _ in scalars['while_learning/mIoU/all']] == [9, 12]
    assert 'custom_scalars__config__' in read.Tags()['tensors']
    assert {'pictures/step_matrix', 'pictures/predictions'} <= set(read.Tags()['images'])
    assert {image.step for image in read.Images('pictures/predictions')} == {12}


def test_wandb_has_one_run_with_all_of_it(logged):
    work_dir, results = logged
    (path,) = work_dir.glob('wandb/offline-run-*/*.wandb')
    records = list(wandb_records(path))
    rows = [
        {'.'.join(i.nested_key) or i.key: json.loads(i.value_json) for i in r.history.item}
        for r in records
        if r.HasField('history')
    ]
    losses = [(row['iteration'], row['train/loss']) for row in rows if 'train/loss' in row]
    assert [iteration for iteration, _ in losses] == [10, 12]
    found = [(row['iteration'], row['mIoU/all']) for row in rows if 'mIoU/all' in row]
    assert found == [
        (end, pytest.approx(results.steps[step]['mIoU']['all'])) for step, end in ((0, 6), (1, 12))
    ]
    assert sum(any('pictures/predictions' in key for key in row) for row in rows) == 1
    assert any('mIoU over the steps' in key for row in rows for key in row)
    (run,) = [r.run for r in records if r.HasField('run')][:1]
    assert run.project == 'mmseg-incremental'
    assert run.run_id == (work_dir / 'wandb_id.txt').read_text().strip()
    assert {item.key for item in run.config.update} >= {'dataset', 'task', 'method'}


def test_without_loggers_nothing_of_them_is_there(trained):
    names = {path.name for path in trained.iterdir()}
    assert not names & {'tensorboard', 'wandb', 'wandb_id.txt'}


@pytest.mark.parametrize('name', ['tensorboard', 'wandb'])
def test_missing_package_is_told_with_its_install_line(name, shapes, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    line = rf"--log {name} needs {name}: pip install 'mmseg-incremental\[{name}\]'"
    arguments = [leaf(), '--work-dir', tmp_path / 'a', '--log', name, *cfg_options(shapes)]
    with pytest.raises(SystemExit, match=line):
        command_main('train')(arguments)
    assert not (tmp_path / 'a').exists()


def test_logger_that_cannot_start_is_one_line(shapes, tmp_path):
    sequence = tiny_sequence(shapes, tmp_path)
    (tmp_path / 'tensorboard').write_text('no folder')
    with pytest.raises(InputError, match='--log tensorboard cannot start its run'):
        SequenceLog(['tensorboard'], sequence, SequenceResults(sequence.description))


def test_unknown_logger_is_refused():
    with pytest.raises(InputError, match="no logger 'mlflow'; there are tensorboard, wandb"):
        check_loggers(['mlflow'])
