"""Methods side by side: which runs, which numbers, which verdicts."""

from types import SimpleNamespace

import pytest

from mmseg_incremental.errors import InputError
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.experiments.criteria import AtLeastShare, AtMost, Order, answers
from mmseg_incremental.experiments.method_comparison import (
    CONTROL,
    JOINT,
    MethodComparison,
    MethodResult,
    method_results,
    method_table,
)
from mmseg_incremental.experiments.run import Run
from mmseg_incremental.visualization import draw_old_new_plot

FILE = """
title = 'Two classes'
leaf = 'mine.py'
joint = 'all.py'
methods = {'FT': dict(method='ft'), 'MiB': {}}
"""


def item(label, seed, steps, groups=(['a'], ['b'])):
    """A finished run whose classes have these IoU after each step."""
    sequence = {'groups': list(groups), 'setting': 'overlapped'}
    results = SequenceResults(sequence)
    for step, values in enumerate(steps):
        metrics = {f'IoU/{name}': value for name, value in values.items()}
        metrics |= {'mIoU/1': values['a'], 'mIoU/all': sum(values.values()) / len(values)}
        if 'b' in values:
            metrics['mIoU/2'] = values['b']
        results.record(step, metrics)
    return SimpleNamespace(
        run=Run('mine.py', seed=seed, label=label),
        finished=bool(steps),
        plans=[None] * len(groups),
        results=lambda: results,
    )


def runs():
    return [
        item(CONTROL, 0, [dict(a=80.0), dict(a=70.0, b=0.0)]),
        item('FT', 0, [dict(a=80.0), dict(a=10.0, b=30.0)]),
        item('FT', 1, [dict(a=60.0), dict(a=20.0, b=20.0)]),
        item('FT', 2, []),
        item(JOINT, 0, [dict(a=80.0, b=40.0)], groups=(['a', 'b'],)),
    ]


def test_file_is_read_and_gives_a_control_row_and_a_joint_one(tmp_path) -> None:
    path = tmp_path / 'comparison.py'
    path.write_text(FILE)
    comparison = MethodComparison.read(path)
    found = comparison.runs([0, 1], {'data_root': 'd'})
    assert [(run.label, run.seed) for run in found] == [
        (label, seed) for label in (CONTROL, 'FT', 'MiB', JOINT) for seed in (0, 1)
    ]
    assert found[0].options['step_schedule.later.lr'] == 0
    assert found[0].options['method.classifier_init'] == 'silent'
    assert found[2].options == {'method': 'ft'}
    assert {run.config for run in found} == {str(tmp_path / n) for n in ('mine.py', 'all.py')}
    assert all(run.common == {'data_root': 'd'} for run in found)
    chosen = comparison.runs([0], {}, ['MiB'])
    assert [run.label for run in chosen] == [CONTROL, 'MiB', JOINT]
    with pytest.raises(InputError, match=r"unknown method 'PLOP'; known names: FT, MiB"):
        comparison.runs([0], {}, ['PLOP'])


def test_missing_files_and_entries_are_told(tmp_path) -> None:
    with pytest.raises(InputError, match='config not found'):
        MethodComparison.read(tmp_path / 'no.py')
    (tmp_path / 'half.py').write_text("title = 'x'\nleaf = 'y.py'\n")
    with pytest.raises(InputError, match=r"lacks \['joint', 'methods'\]"):
        MethodComparison.read(tmp_path / 'half.py')


def test_numbers_by_hand() -> None:
    control, ft, joint = method_results(runs())
    assert ft.seeds == [0, 1]
    assert ft.values == {
        'old': [10, 20],
        'new': [30, 20],
        'all': [20, 20],
        'hIoU': [15, 20],
        'forgetting': [70, 40],
        'old kept (%)': [12.5, pytest.approx(100 / 3)],
        'all of Joint (%)': [pytest.approx(100 / 3), None],
    }
    assert ft.step_0 == [80, 60]
    assert control.values['old'] == [70]
    assert joint.values['forgetting'] == [None]
    text = method_table('Two classes', [control, ft, joint], []).text(200)
    assert '15.00 ± 7.07' in text
    assert 'not trained' in text


def result(label, step_0=(), **values):
    return MethodResult(label, [0, 1], values, step_0)


def test_criteria_by_hand() -> None:
    results = [
        result('FT', old=[2.0, 4.0], all=[5.0, 6.0]),
        result('LwF', all=[6.0, 7.0]),
        result('MiB', step_0=[50.0, 50.0], old=[39.0, 43.0], all=[20.0, 21.0]),
    ]
    wanted = [
        AtMost('FT', 'old', 5.0),
        AtMost('FT', 'old', 2.5),
        AtLeastShare('MiB', 'old', 0.8),
        AtLeastShare('MiB', 'old', 0.9),
        AtLeastShare('MiB', 'all', 0.5, of='Joint'),
        Order('all', [['FT', 'LwF'], ['MiB']]),
        Order('all', [['FT'], ['LwF'], ['MiB']]),
    ]
    found = answers(wanted, results)
    assert [text.split(':')[0] for text in found] == [
        'HOLDS', 'FAILS', 'HOLDS', 'FAILS', 'OPEN', 'HOLDS', 'FAILS'
    ]  # fmt: skip
    # 6.5 - 5.5 is the spread of both, and does not exceed it
    assert found[-1].endswith('(LwF - FT is +1.00, the spread 1.00)')


def test_picture_is_drawn_without_the_methods_that_have_no_run(tmp_path) -> None:
    points = {'FT': [(1.0, 30.0), (2.0, 28.0)], 'PLOP': [], JOINT: [(45.0, 29.0)]}
    draw_old_new_plot(points, JOINT, 'Two classes', tmp_path / 'plot.png')
    assert (tmp_path / 'plot.png').stat().st_size > 10_000
