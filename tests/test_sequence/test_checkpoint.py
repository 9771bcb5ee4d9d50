import os
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from mmseg_incremental.errors import InputError
from mmseg_incremental.models import IncrementalClassifier, IncrementalEncoderDecoder
from mmseg_incremental.sequence import CheckpointError, WorkDir, load_checkpoint
from mmseg_incremental.sequence.checkpoint import (
    check_finite,
    load_old_weights,
    load_step_checkpoint,
    load_weights,
    newest_usable,
    save_step_checkpoint,
    step_state,
)

SEQUENCE = {'dataset': 'shapes', 'task': '2-1', 'groups': [['disc', 'square'], ['ring']]}
META = {'step': 1, 'sequence': SEQUENCE, 'dataset_meta': {'classes': ['background', 'disc']}}


class Model(nn.Module):
    """A body with batch normalisation and two heads that grow."""

    classifiers = IncrementalEncoderDecoder.classifiers

    def __init__(self, *sizes):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.main = IncrementalClassifier(4, sizes)
        self.aux = IncrementalClassifier(4, sizes)


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def save(path, content):
    torch.save(content, path)
    return path


@pytest.fixture
def whole(tmp_path):
    """An undamaged checkpoint of step 1."""
    save_step_checkpoint(tmp_path / 'step_1.pth', Model(3, 1).state_dict(), META)
    return tmp_path / 'step_1.pth'


# --- load_checkpoint ----------------------------------------------------------------------------


def test_round_trip(whole):
    content = load_checkpoint(whole)
    assert type(content) is dict
    assert content['meta'] == META
    assert content['state_dict'].keys() == Model(3, 1).state_dict().keys()
    assert all(value.device.type == 'cpu' for value in content['state_dict'].values())


@pytest.mark.parametrize('training_state', [False, True])
@pytest.mark.parametrize('place', ['state_dict', 'meta', 'top', 'nested'])
@pytest.mark.parametrize('zipped', [True, False])
def test_a_pickled_object_is_refused_and_not_run(zipped, place, training_state, tmp_path):
    trap = Touch(tmp_path / 'pwned')
    content = {
        'state_dict': {'meta': META, 'state_dict': {'weight': trap}},
        'meta': {'meta': {**META, 'step': trap}, 'state_dict': {}},
        'nested': {'meta': META, 'state_dict': {'a': [{'b': (torch.ones(2), trap)}]}},
        'top': trap,
    }[place]
    path = tmp_path / 'step_1.pth'
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r'step_1\.pth: refused.*could run code'):
        load_checkpoint(path, training_state=training_state)
    assert not (tmp_path / 'pwned').exists()
    torch.load(path, weights_only=False)
    assert (tmp_path / 'pwned').exists(), 'the trap itself does not work'


def test_a_whole_pickled_model_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match='refused'):
        load_checkpoint(save(tmp_path / 'model.pth', nn.Linear(2, 2)))


def test_loggers_histories_are_allowed_for_training_states_only(tmp_path):
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    scalar = np.float64(3)
    path = save(tmp_path / 'iter_5.pth', {'message_hub': {'loss': history, 'x': scalar}})
    with pytest.raises(CheckpointError, match='refused'):
        load_checkpoint(path)
    loaded = load_checkpoint(path, training_state=True)
    assert loaded['message_hub']['loss'].data[0].tolist() == [1.0, 2.0]
    with pytest.raises(CheckpointError, match='refused'):
        load_checkpoint(path)


class Attribute:
    """Asks for an attribute of something when it is unpickled."""

    def __init__(self, owner, name):
        self.asked = owner, name

    def __reduce__(self):
        return getattr, self.asked


@pytest.mark.parametrize(
    'asked', [(HistoryBuffer, '__init__'), (np.ndarray, 'tofile'), (HistoryBuffer, 'update')]
)
def test_histories_ask_for_their_statistics_only(tmp_path, asked):
    path = save(tmp_path / 'iter_5.pth', {'x': Attribute(*asked)})
    with pytest.raises(CheckpointError, match=r'refused.*it asks'):
        load_checkpoint(path, training_state=True)
    path = save(tmp_path / 'iter_6.pth', {'x': Attribute(HistoryBuffer, 'mean')})
    assert load_checkpoint(path, training_state=True)['x'] is HistoryBuffer.mean


def test_missing_file_is_told(tmp_path):
    for path in (tmp_path / 'step_0.pth', tmp_path):
        with pytest.raises(CheckpointError, match=f'{path}: checkpoint not found'):
            load_checkpoint(path)


def test_errors_are_ones_that_the_tools_print():
    assert issubclass(CheckpointError, InputError)


def test_truncated_file_is_told_wherever_it_ends(whole, tmp_path):
    data = whole.read_bytes()
    path = tmp_path / 'cut.pth'
    for end in [0, 1, 2, 3, 4, 10, *range(16, len(data), len(data) // 60), len(data) - 1]:
        path.write_bytes(data[:end])
        with pytest.raises(CheckpointError, match=r'cut\.pth: .*(damaged|refused)'):
            load_checkpoint(path)


def old_format(path):
    """A checkpoint as torch < 1.6 wrote it, without a zip archive around."""
    torch.save(
        {'meta': META, 'state_dict': Model(3, 1).state_dict()},
        path,
        _use_new_zipfile_serialization=False,
    )
    return path


def test_truncated_file_of_the_old_format_is_told_wherever_it_ends(tmp_path):
    data = old_format(tmp_path / 'old.pth').read_bytes()
    assert load_checkpoint(tmp_path / 'old.pth')['meta'] == META
    path = tmp_path / 'cut.pth'
    for end in range(0, len(data), len(data) // 100):
        path.write_bytes(data[:end])
        with pytest.raises(CheckpointError, match=r'cut\.pth: .*(damaged|refused)'):
            load_checkpoint(path)


@pytest.mark.parametrize(
    'start',
    [b'', b'PK\x03\x04', b'\x80\x02'],
)
def test_random_bytes_are_told(start, tmp_path):
    rng = random.Random(0)
    path = tmp_path / 'noise.pth'
    for number in range(150):
        path.write_bytes(start + rng.randbytes(number))
        with pytest.raises(CheckpointError, match=r'noise\.pth: '):
            load_checkpoint(path)


def test_damage_inside_the_archive_is_told(whole, tmp_path):
    rng = random.Random(0)
    with zipfile.ZipFile(whole) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in members if name.endswith('data.pkl'))
    path = tmp_path / 'damaged.pth'
    told = 0
    for _ in range(200):
        data = bytearray(members[pickled])
        for _ in range(3):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with zipfile.ZipFile(path, 'w') as archive:
            for name, content in members.items():
                archive.writestr(name, bytes(data) if name == pickled else content)
        try:
            load_checkpoint(path)
        except CheckpointError:
            told += 1
    assert told > 100, 'the damage was harmless'


def test_an_archive_that_is_no_checkpoint_is_told(tmp_path):
    with zipfile.ZipFile(tmp_path / 'pictures.zip', 'w') as archive:
        archive.writestr('picture.jpg', b'123')
    with pytest.raises(CheckpointError, match=r'pictures\.zip: '):
        load_checkpoint(tmp_path / 'pictures.zip')


@pytest.mark.parametrize('content', [[1, 2], torch.ones(3), 'text', 3, None, (1,)])
def test_content_that_is_no_mapping_is_told(content, tmp_path):
    kind = type(content).__name__
    with pytest.raises(CheckpointError, match=f'not a checkpoint, it holds a {kind}'):
        load_checkpoint(save(tmp_path / 'x.pth', content))


# --- load_step_checkpoint -----------------------------------------------------------------------


def test_checkpoint_of_this_sequence_and_step(whole):
    content = load_step_checkpoint(whole, {**SEQUENCE, 'setting': 'disjoint'}, 1)
    assert set(content) == {'meta', 'state_dict'}


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('dataset', 'voc'),
        ('groups', [['disc', 'square'], ['cross']]),
        ('groups', [['square', 'disc'], ['ring']]),
        ('groups', [['disc', 'square', 'ring']]),
    ],
)
def test_checkpoint_of_another_task_is_refused(key, value, whole):
    with pytest.raises(CheckpointError, match=rf'step_1\.pth: .*another task, its {key} is'):
        load_step_checkpoint(whole, {**SEQUENCE, key: value}, 1)


def test_what_is_learnt_later_does_not_matter(whole):
    later = {**SEQUENCE, 'groups': [*SEQUENCE['groups'][:2], ['cross']]}
    assert load_step_checkpoint(whole, later, 1)['meta']['step'] == 1


@pytest.mark.parametrize('step', [0, 2])
def test_checkpoint_of_another_step_is_refused(step, whole):
    with pytest.raises(CheckpointError, match=f'checkpoint of step 1, expected step {step}'):
        load_step_checkpoint(whole, SEQUENCE, step)


@pytest.mark.parametrize(
    'content',
    [
        {},
        {'state_dict': {}},
        {'meta': META},
        {'meta': {}, 'state_dict': {}},
        {'meta': {'step': 1}, 'state_dict': {}},
        {'meta': None, 'state_dict': {}},
        {'meta': [1], 'state_dict': {}},
        {'weight': torch.ones(2)},
    ],
)
def test_checkpoint_that_is_not_of_a_step_is_refused(content, tmp_path):
    with pytest.raises(CheckpointError, match='not the checkpoint of a step'):
        load_step_checkpoint(save(tmp_path / 'x.pth', content), SEQUENCE, 1)


@pytest.mark.parametrize(
    'content',
    [
        {'meta': {'sequence': SEQUENCE}, 'state_dict': {}},
        {'meta': {'sequence': 'shapes', 'step': 1}, 'state_dict': {}},
        {'meta': {'sequence': None, 'step': 1}, 'state_dict': {}},
        {'meta': META, 'state_dict': [1]},
        {'meta': META, 'state_dict': None},
    ],
)
def test_checkpoint_with_parts_of_another_kind_is_refused(content, tmp_path):
    with pytest.raises(CheckpointError, match='not the checkpoint of a step'):
        load_step_checkpoint(save(tmp_path / 'x.pth', content), SEQUENCE, 1)


# --- load_old_weights, load_weights -------------------------------------------------------------


def equal(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


def test_step_before_fills_all_but_the_new_classifiers():
    old, new = Model(3, 1), Model(3, 1, 2)
    old.body[1].running_mean.fill_(7)
    kept = [new.main[2].weight.clone(), new.aux[2].bias.clone()]
    load_old_weights(new, old.state_dict(), 'step_1.pth')
    assert equal(old.body.state_dict(), new.body.state_dict())
    for head in ('main', 'aux'):
        before, after = getattr(old, head), getattr(new, head)
        for step in range(2):
            assert equal(before[step].state_dict(), after[step].state_dict())
    assert torch.equal(kept[0], new.main[2].weight)
    assert torch.equal(kept[1], new.aux[2].bias)


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


@pytest.mark.parametrize(
    'change',
    [
        lambda state: without(state, 'body.0.weight'),
        lambda state: without(state, 'body.1.running_var'),
        lambda state: without(state, 'main.weight', 'main.bias'),
        lambda state: without(state, 'aux.bias'),
        lambda state: {},
        lambda state: {**state, 'old_model.weight': torch.ones(1)},
        lambda state: {**state, 'body.0.weight': torch.ones(4, 5, 1, 1)},
        lambda state: {**state, 'main.weight': torch.ones(2, 4, 1, 1)},
    ],
)
def test_anything_else_that_lacks_or_is_left_over_is_refused(change):
    state = change(Model(3, 1).state_dict())
    with pytest.raises(CheckpointError, match=r'step_1\.pth: does not fit the model'):
        load_old_weights(Model(3, 1, 2), state, 'step_1.pth')


@pytest.mark.parametrize('sizes', [(3,), (3, 1, 2), (3, 2), (2, 1), (5,)])
def test_only_the_very_step_before_fits(sizes):
    load_old_weights(Model(3, 1, 2), Model(3, 1).state_dict(), 'x')
    with pytest.raises(CheckpointError, match='does not fit the model'):
        load_old_weights(Model(3, 1, 2), Model(*sizes).state_dict(), 'x')


def test_whole_model_must_fit_exactly():
    load_weights(Model(3, 1), Model(3, 1).state_dict(), 'x')
    load_weights(nn.Linear(2, 2), nn.Linear(2, 2).state_dict(), 'x')
    for sizes in ((3,), (3, 1, 2), (3, 2)):
        with pytest.raises(CheckpointError, match='x: does not fit the model'):
            load_weights(Model(3, 1), Model(*sizes).state_dict(), 'x')


@pytest.mark.parametrize('value', ['text', 3, None, [1.0]])
@pytest.mark.parametrize('name', ['body.0.weight', 'main.weight'])
def test_value_that_is_no_tensor_does_not_fit(name, value):
    state = {**Model(3, 1).state_dict(), name: value}
    with pytest.raises(CheckpointError, match='does not fit the model'):
        load_weights(Model(3, 1), state, 'x')


# --- save_step_checkpoint -----------------------------------------------------------------------


def test_saving_leaves_one_file_that_others_may_read(tmp_path):
    mask = os.umask(0o022)
    try:
        save_step_checkpoint(tmp_path / 'step_0.pth', Model(3).state_dict(), META)
    finally:
        os.umask(mask)
    assert os.listdir(tmp_path) == ['step_0.pth']
    assert (tmp_path / 'step_0.pth').stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize('there_before', [True, False])
@pytest.mark.parametrize('error', [OSError('no space left'), RuntimeError('PyTorchStreamWriter')])
def test_failed_save_keeps_the_old_file_and_leaves_no_other(
    there_before, error, tmp_path, monkeypatch
):
    path = tmp_path / 'step_0.pth'
    if there_before:
        save_step_checkpoint(path, Model(3).state_dict(), {**META, 'step': 0})
    before = path.read_bytes() if there_before else None

    def half(_content, file, *_):
        Path(file).write_bytes(b'half a checkpoint')
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, 'save', half)
        with pytest.raises(type(error)):
            save_step_checkpoint(path, Model(3).state_dict(), META)
    assert os.listdir(tmp_path) == (['step_0.pth'] if there_before else [])
    if there_before:
        assert path.read_bytes() == before


def test_a_killed_save_does_not_pass_for_a_checkpoint(tmp_path, monkeypatch):
    seen = []

    def spy(_content, file, *_):
        seen.extend([Path(file).name, (tmp_path / 'step_0.pth').exists()])

    monkeypatch.setattr(torch, 'save', spy)
    save_step_checkpoint(tmp_path / 'step_0.pth', Model(3).state_dict(), META)
    assert seen[0] != 'step_0.pth'
    assert not Path(seen[0]).match('step_*.pth')
    assert seen[1] is False


def test_values_are_laid_out_plainly_and_the_given_ones_left_alone(tmp_path):
    weight = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    state = {'weight': weight}
    save_step_checkpoint(tmp_path / 'step_0.pth', state, META)
    saved = load_checkpoint(tmp_path / 'step_0.pth')['state_dict']['weight']
    assert torch.equal(saved, weight)
    assert saved.is_contiguous()
    assert state['weight'] is weight
    assert not weight.is_contiguous()


# --- channels beside the classes ----------------------------------------------------------------


class Wide(nn.Module):
    """A model whose classifier has channels beside the classes."""

    classifiers = IncrementalEncoderDecoder.classifiers
    extra_names = IncrementalEncoderDecoder.extra_names

    def __init__(self, *sizes, **extra):
        super().__init__()
        self.main = IncrementalClassifier(4, sizes, extra)


def test_they_are_kept_apart_and_come_back(tmp_path):
    model = Wide(3, 1, unknown=1)
    path = tmp_path / 'step_1.pth'
    save_step_checkpoint(path, model.state_dict(), META, model.extra_names())
    content = load_step_checkpoint(path, SEQUENCE, 1)
    assert set(content['state_dict']) == {'main.weight', 'main.bias'}
    assert content['state_dict']['main.weight'].shape[0] == 4
    state = step_state(content)
    assert state.keys() == model.state_dict().keys()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    load_weights(Wide(3, 1, unknown=1), state, 'x')
    with pytest.raises(CheckpointError, match='does not fit the model'):
        load_weights(Wide(3, 1, unknown=1), content['state_dict'], 'x')


def test_without_any_all_weights_are_the_state(whole):
    content = load_checkpoint(whole)
    assert set(content) == {'meta', 'state_dict'}
    assert step_state(content) == content['state_dict']


# --- check_finite -------------------------------------------------------------------------------


@pytest.mark.parametrize('value', [float('nan'), float('inf'), -float('inf')])
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_weights_that_are_spoilt_are_refused(value, dtype):
    state = {'good': torch.ones(3), 'count': torch.tensor(4), 'bad': torch.ones(2, 2, dtype=dtype)}
    check_finite(state, 'step 1')
    state['bad'][1, 0] = value
    with pytest.raises(CheckpointError, match='step 1: the weights bad are not finite'):
        check_finite(state, 'step 1')


# --- newest_usable ------------------------------------------------------------------------------


def newest(folder):
    """Newest usable one of the checkpoints inside a step."""
    return newest_usable(WorkDir(folder).training_checkpoints(0)).path


@pytest.fixture
def inside(tmp_path):
    """Folder of a step."""
    folder = tmp_path / 'step_0'
    folder.mkdir()
    return folder


def test_newest_by_number_not_by_name_or_age(inside):
    for number in (1000, 200, 90):
        save(inside / f'iter_{number}.pth', {'n': number})
    assert newest(inside.parent) == str(inside / 'iter_1000.pth')


def test_damaged_ones_are_skipped(inside):
    for number in (100, 200, 300, 400):
        save(inside / f'iter_{number}.pth', {'n': torch.arange(number)})
    data = (inside / 'iter_400.pth').read_bytes()
    (inside / 'iter_400.pth').write_bytes(data[: len(data) // 2])
    (inside / 'iter_300.pth').write_bytes(b'')
    assert newest(inside.parent) == str(inside / 'iter_200.pth')


def test_one_that_would_run_code_is_skipped(inside):
    save(inside / 'iter_1.pth', {'history': HistoryBuffer([1.0], [1])})
    save(inside / 'iter_2.pth', {'trap': Touch(inside / 'pwned')})
    assert newest(inside.parent) == str(inside / 'iter_1.pth')
    assert not (inside / 'pwned').exists()


def test_none_without_an_undamaged_one(inside):
    assert newest(inside.parent) is None
    assert newest(inside / 'not_there') is None
    (inside / 'iter_1.pth').write_bytes(b'')
    save(inside / 'step_0.pth', {})
    assert newest(inside.parent) is None
