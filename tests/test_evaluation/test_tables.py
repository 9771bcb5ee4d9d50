import math

import pytest

from mmseg_incremental.evaluation import SequenceResults, results_table

SEQUENCE = {
    'dataset': 'shapes',
    'task': '2-1',
    'groups': [['disc', 'square'], ['ring'], ['cross']],
    'setting': 'disjoint',
    'method': {'name': 'MiB'},
}


def lines(results, width=160):
    return results_table(results).text(width).splitlines()


def cells(line):
    return [cell.strip() for cell in line.strip('│').split('│')]


def record(results, step, old, new=None, accuracy=90.0):
    metrics = {'mIoU/1-2': old, 'mIoU_bg/0-2': old + 2}
    if new is not None:
        metrics |= {'mIoU/3-4': new, 'mIoU_bg/3-4': new}
    whole = old if new is None else (old + new) / 2
    metrics |= {'mIoU/all': whole, 'mIoU_bg/all': whole + 1, 'IoU/disc': old, 'aAcc': accuracy}
    if step:
        metrics['IoU/ring'] = new
    results.record(step, metrics)


@pytest.fixture
def results():
    results = SequenceResults(SEQUENCE)
    record(results, 0, 60.0)
    record(results, 1, 50.006, 10.0)
    record(results, 2, 20.0, 30.0, accuracy=math.nan)
    return results


def test_table_holds_the_numbers(results):
    text = lines(results)
    assert text[0].strip() == 'MiB on shapes 2-1, disjoint: mIoU (%)'
    rows = [cells(line) for line in text if '│' in line]
    assert rows == [
        ['step', 'new classes', '1-2', '3-4', 'all', '0-2', 'all + bg', 'pixel acc.'],
        ['0', 'disc, square', '60.00', '-', '60.00', '62.00', '61.00', '90.00'],
        ['1', 'ring', '50.01', '10.00', '30.00', '52.01', '31.00', '90.00'],
        ['2', 'cross', '20.00', '30.00', '25.00', '22.00', '26.00', '-'],
        ['average', '', '43.34', '20.00', '38.33', '45.34', '39.33', '90.00'],
        # disc lost 40, and ring, which step 1 learnt, won 20; a group is the mean of its classes
        ['forgetting', '', '40.00', '-20.00', '10.00', '40.00', '10.00', '-'],
    ]
    rules = [place for place, line in enumerate(text) if line.startswith('├')]
    assert rules == [3, 7], 'a line over the steps and one over what is made of them'


def test_one_step_has_nothing_to_forget():
    results = SequenceResults(SEQUENCE)
    record(results, 0, 60.0)
    text = '\n'.join(lines(results))
    assert '60.00' in text
    assert 'forgetting' not in text
    assert 'average' not in text


def test_steps_that_were_not_recorded_have_no_row(results):
    del results.steps[1]
    rows = [cells(line) for line in lines(results)[4:] if '│' in line]
    assert [row[:3] for row in rows] == [
        ['0', 'disc, square', '60.00'],
        ['2', 'cross', '20.00'],
        ['average', '', '40.00'],
        ['forgetting', '', '40.00'],
    ]


def test_many_new_classes_do_not_push_the_numbers_out(results):
    results.sequence = {**SEQUENCE, 'groups': [[f'class{i}' for i in range(100)], ['a'], ['b']]}
    text = lines(results, width=120)
    assert max(map(len, text)) <= 120
    (row,) = (line for line in text if 'class0' in line)
    assert cells(row)[1:3] == ['class0, class1, class2, ...', '60.00']
    assert len(text) == 11, 'a line per step'
