import json
import math
import os

import pytest

from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.evaluation.measures import average, forgetting, harmonic_mean

SEQUENCE = {
    'dataset': 'shapes',
    'task': '4-1',
    'groups': [['disc', 'square'], ['ring']],
    'setting': 'overlapped',
    'method': {'name': 'MiB'},
}


def metrics(old, new=None, ring=None, accuracy=90.0):
    """What ClassGroupIoUMetric measures, with ``new`` and ``ring`` from step 1 on."""
    values = {'mIoU/1-2': old, 'mIoU/all': old, 'mIoU_bg/0-2': old + 1, 'mIoU_bg/all': old + 1}
    values |= {'IoU/background': 95.0, 'IoU/disc': old, 'IoU/square': math.nan}
    if new is not None:
        values |= {'mIoU/3': new, 'mIoU_bg/3': new, 'IoU/ring': ring}
    return {**values, 'aAcc': accuracy}


def two_steps():
    results = SequenceResults(SEQUENCE)
    results.record(0, metrics(60.0), num_images=12)
    results.record(1, metrics(100 / 3, 10.1, 10.1, accuracy=math.nan), num_images=3)
    return results


def no_constant(name):
    raise AssertionError(f'{name} is not JSON')


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ([60.0, 65.0, 40.0], 25.0),
        ([60.0, 40.0, 65.0], -5.0),
        ([50.0, 50.0], 0.0),
        ([None, 30.0, 10.0, 12.0], 18.0),
        ([30.0, None, 10.0], 20.0),
        ([60.0, 65.0, None], None),
        ([None, None, 5.0], None),
        ([60.0], None),
        ([None], None),
        ([], None),
        ((0.0, 0.0), 0.0),
    ],
)
def test_forgetting_by_hand(values, expected):
    assert forgetting(values) == expected


@pytest.mark.parametrize(
    ('values', 'expected'),
    [
        ([60.0, 65.0, 40.0], 55.0),
        ([None, 30.0, 10.0], 20.0),
        ([0.0, None], 0.0),
        ([None, None], None),
        ([], None),
    ],
)
def test_average_by_hand(values, expected):
    assert average(values) == expected


def test_metrics_are_sorted_by_kind():
    step = two_steps().steps[1]
    assert step == {
        'num_images': 3,
        'mIoU': {'1-2': 100 / 3, 'all': 100 / 3, '3': 10.1},
        'mIoU_with_background': {'0-2': 100 / 3 + 1, 'all': 100 / 3 + 1, '3': 10.1},
        'IoU': {'background': 95.0, 'disc': 100 / 3, 'square': None, 'ring': 10.1},
        'pixel_accuracy': None,
    }


def test_file_holds_everything_unrounded_and_null_for_nan(tmp_path):
    path = tmp_path / 'results.json'
    two_steps().save(path)
    content = json.loads(path.read_text(), parse_constant=no_constant)
    assert content['sequence'] == SEQUENCE
    assert list(content['steps']) == ['0', '1']
    assert content['steps']['1']['mIoU']['1-2'] == 100 / 3
    assert content['steps']['1']['pixel_accuracy'] is None
    assert content['steps']['0']['IoU']['square'] is None
    assert content['steps']['0']['num_images'] == 12
    assert content['average']['mIoU'] == {
        '1-2': (60 + 100 / 3) / 2, 'all': (60 + 100 / 3) / 2, '3': 10.1,
    }  # fmt: skip
    assert content['forgetting']['mIoU'] == {'1-2': 60 - 100 / 3, 'all': 60 - 100 / 3, '3': None}
    assert content['forgetting']['IoU'] == {
        'background': 0, 'disc': 60 - 100 / 3, 'square': None, 'ring': None,
    }  # fmt: skip
    assert content['average']['mIoU_with_background']['0-2'] == (61 + 100 / 3 + 1) / 2


def test_round_trip_is_exact_and_can_go_on(tmp_path):
    path = tmp_path / 'results.json'
    results = two_steps()
    results.save(path)
    loaded = SequenceResults.load(path)
    assert (loaded.sequence, loaded.steps) == (results.sequence, results.steps)
    loaded.record(2, metrics(0.1 + 0.2, 5.0, 5.0))
    loaded.save(path)
    assert SequenceResults.load(path).column('mIoU', '1-2') == [60.0, 100 / 3, 0.1 + 0.2]


def test_steps_are_in_numeric_order_however_they_came(tmp_path):
    results = SequenceResults(SEQUENCE)
    for step in (10, 2, 9, 0, 1):
        results.record(step, metrics(float(step)))
    results.save(tmp_path / 'results.json')
    content = json.loads((tmp_path / 'results.json').read_text())
    assert list(content['steps']) == ['0', '1', '2', '9', '10']
    assert SequenceResults.load(tmp_path / 'results.json').column('mIoU', 'all') == [0, 1, 2, 9, 10]
    assert content['forgetting']['IoU']['disc'] == -1


def test_recording_a_step_again_replaces_it():
    results = two_steps()
    results.record(1, metrics(1.0))
    assert results.steps[1]['mIoU'] == {'1-2': 1.0, 'all': 1.0}


def test_columns_and_names():
    results = two_steps()
    assert results.column('mIoU', '3') == [None, 10.1]
    assert results.column('IoU', 'square') == [None, None]
    assert results.names('IoU') == ['background', 'disc', 'square', 'ring']
    assert SequenceResults(SEQUENCE).names('IoU') == []
    assert SequenceResults(SEQUENCE).column('IoU', 'disc') == []


def test_a_sequence_without_steps_can_be_saved(tmp_path):
    SequenceResults(SEQUENCE).save(tmp_path / 'results.json')
    assert SequenceResults.load(tmp_path / 'results.json').steps == {}


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'{"sequence": {}, "steps": {"0": ',
        b'\xff\xfe\x00garbage',
        b'[]',
        b'3',
        b'null',
        b'{}',
        b'{"sequence": {}}',
        b'{"steps": {}}',
        b'{"sequence": {}, "steps": []}',
        b'{"sequence": {}, "steps": {"first": {}}}',
        b'{"sequence": 3, "steps": {}}',
    ],
)
def test_damaged_file_is_told_by_name(content, tmp_path):
    path = tmp_path / 'results.json'
    path.write_bytes(content)
    with pytest.raises(InputError, match=r'results\.json: damaged results file'):
        SequenceResults.load(path)


def test_failed_save_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / 'results.json'
    results = two_steps()
    results.save(path)
    before = path.read_bytes()
    results.record(2, metrics(1.0))

    def full(*_):
        raise OSError('no space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'replace', full)
        with pytest.raises(OSError, match='no space'):
            results.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['results.json']


@pytest.mark.parametrize(
    ('old', 'new', 'expected'),
    [(60.0, 30.0, 40.0), (0.0, 0.0, 0.0), (50.0, 0.0, 0.0), (None, 3.0, None), (3.0, None, None)],
)
def test_harmonic_mean_by_hand(old, new, expected):
    assert harmonic_mean(old, new) == expected


def one_by_one():
    """Classes a, b, then c, then d; after each step the IoU of all that is known."""
    groups = [['a', 'b'], ['c'], ['d']]
    results = SequenceResults({**SEQUENCE, 'groups': groups})
    table = [dict(a=80, b=60), dict(a=70, b=70, c=50), dict(a=20, b=40, c=30, d=90)]
    for step, row in enumerate(table):
        old, new = [row['a'], row['b']], [row[c] for c in 'cd' if c in row]
        values = {'mIoU/1-2': sum(old) / 2, 'mIoU/all': sum(row.values()) / len(row)}
        if new:
            values['mIoU/3-4'] = sum(new) / len(new)
        values |= {f'IoU/{name}': value for name, value in row.items()}
        results.record(step, {**values, 'IoU/background': 90.0 - step, 'mIoU_bg/all': 1.0})
    return results


def test_forgetting_of_a_group_is_that_of_its_classes_which_were_learnt_before():
    results = one_by_one()
    assert results.forgetting('mIoU', '1-2') == ((80 - 20) + (70 - 40)) / 2
    # the group's mean rose from 50 to 60, but c, the only one that could be forgotten, lost 20
    assert results.column('mIoU', '3-4') == [None, 50, 60]
    assert results.forgetting('mIoU', '3-4') == 20
    assert results.forgetting('mIoU', 'all') == (60 + 30 + 20) / 3
    assert results.forgetting('mIoU_with_background', 'all') == (60 + 30 + 20 + 2) / 4
    assert results.forgetting('IoU', 'd') is None
    results.steps.pop(2)
    assert results.forgetting('mIoU', '3-4') is None, 'its only class was learnt last'


def test_hiou_and_values_relative_to_joint(tmp_path):
    results = one_by_one()
    results.joint = {'1-2': 60.0, '3-4': 80.0, 'all': 0.0, 'other': 3.0}
    results.save(tmp_path / 'results.json')
    content = json.loads((tmp_path / 'results.json').read_text())
    assert content['schema'] == 2
    assert content['hIoU'] == [None, 2 * 70 * 50 / 120, 2 * 30 * 60 / 90]
    assert content['relative_to_joint'] == {'1-2': 50, '3-4': 75, 'all': None, 'other': None}
    assert SequenceResults.load(tmp_path / 'results.json').joint == results.joint


def test_a_newer_layout_is_refused(tmp_path):
    path = tmp_path / 'results.json'
    path.write_text(json.dumps({'schema': 3, 'sequence': {}, 'steps': {}}))
    with pytest.raises(InputError, match='newer version'):
        SequenceResults.load(path)
