"""Summaries and reports, from results written by hand."""

import csv
import io
from types import SimpleNamespace

import pytest

from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.experiments.paper import PaperTable, Row
from mmseg_incremental.experiments.report import write_report
from mmseg_incremental.experiments.run import PlannedRun, Run
from mmseg_incremental.experiments.summary import summarize, summary_table, write_summary

SEQUENCE = {'dataset': 'voc', 'task': 't', 'groups': [['a'], ['b']], 'method': {'name': 'M'}}
STEPS = [SimpleNamespace(step=0), SimpleNamespace(step=1)]


def planned(root, label, seed, old=None, new=None, curve=None):
    """A run whose results, if any, are these."""
    run = Run('leaf.py', {'label': label}, seed, label)
    work_dir = root / run.name
    work_dir.mkdir(parents=True)
    if old is not None:
        results = SequenceResults(SEQUENCE)
        metrics = {'mIoU/1': old, 'mIoU/2': new, 'mIoU/all': (old + new) / 2,
                   'mIoU_bg/all': 50.0, 'aAcc': 90.0, 'IoU/a': old}  # fmt: skip
        results.record(0, metrics, learning_curve=curve, num_images=20, batch_size=10)
        results.record(1, metrics)
        results.save(work_dir / 'results.json')
    return PlannedRun(run, work_dir, 'M', STEPS, None)


def test_mean_and_deviation_over_seeds(tmp_path):
    runs = [
        planned(tmp_path, 'lr=1', 0, 10.0, 20.0),
        planned(tmp_path, 'lr=1', 1, 14.0, 20.0),
        planned(tmp_path, 'lr=2', 0),
    ]
    groups = summarize(runs, {runs[2].run.name: 'error: it broke'})
    assert [group.label for group in groups] == ['lr=1', 'lr=2']
    assert groups[0].seeds == [0, 1]
    assert groups[0].metrics['1'].mean == 12.0
    assert groups[0].metrics['1'].deviation == pytest.approx(8**0.5)
    table = summary_table(groups)
    assert table.field_names == [
        'run',
        '1',
        '2',
        'all',
        'all + bg',
        'pixel acc.',
        'seeds',
        'failed',
    ]
    assert [row[1] for row in table.rows] == ['12.00 ± 2.83', '-']
    write_summary(groups, 'Title', tmp_path / 'summary')
    for suffix in ('.txt', '.md'):
        text = (tmp_path / f'summary{suffix}').read_text()
        assert 'FAILED: lr=2: error: it broke' in text
    first, second = csv.DictReader(io.StringIO((tmp_path / 'summary.csv').read_text()))
    assert (first['run'], first['1 mean'], first['2 std']) == ('lr=1', '12.0', '0.0')
    assert (second['1 mean'], second['failed']) == ('', '1')


def test_report_has_the_papers_value_ours_and_the_difference(tmp_path):
    table = PaperTable('Table X', {'old': 'old', 'all': 'all'}, [], baseline='UNCE')
    runs = [
        (Row('UNCE', 'leaf', {}, {'old': 11.0, 'all': 20.0}),
         [planned(tmp_path, 'u', 0, 10.0, 20.0), planned(tmp_path, 'u', 1, 14.0, 20.0)]),
        (Row('DPCE', 'leaf'), [planned(tmp_path, 'd', 0, 30.0, 20.0), planned(tmp_path, 'd', 1)]),
    ]  # fmt: skip
    failures = {runs[1][1][1].run.name: 'error: it broke'}
    report = write_report(table, runs, failures, {'Machine': 'a box'}, tmp_path / 'tablex')
    text = (tmp_path / 'tablex.md').read_text()
    cells = [[c.strip() for c in line.strip('|').split('|')]
             for line in text.splitlines() if line.startswith('|')]  # fmt: skip
    assert cells[2] == ['UNCE', '11.00', '12.00 ± 2.83', '+1.00', '20.00', '16.00 ± 1.41',
                        '-4.00', '0 1']  # fmt: skip
    assert cells[3][:4] == ['DPCE (FAILED)', '-', '30.00', '-']
    assert '- Machine: a box' in text
    assert 'Seeds per run: 1 or 2' in text
    assert 'it broke' in text
    assert 'DPCE - UNCE, old: +18.00; fewer than two seeds each' in text
    assert [path.suffix for path in report.files] == ['.txt', '.csv', '.md', '.png']
    assert all(path.stat().st_size for path in report.files)


def test_moments_of_a_learning_curve(tmp_path):
    def point(iteration, value):
        return dict(iteration=iteration, mIoU_with_background={'all': value})

    curve = [point(i, 10.0 * i) for i in (1, 2, 3, 4, 5, 6)]
    table = PaperTable('Table Y', {'1/3': '', '2/3': '', 'end': ''}, [], epochs=True)
    runs = [(Row('plain', 'leaf'), [planned(tmp_path, 'p', 0, 1.0, 2.0, curve)])]
    report = write_report(table, runs, {}, {}, tmp_path / 'tabley')
    row = next(line for line in report.text.splitlines() if 'plain' in line)
    values = [cell.strip() for cell in row.split('|')]
    assert [values[3], values[6], values[9]] == ['20.00', '40.00', '60.00']
    assert (tmp_path / 'tabley.png').stat().st_size > 5_000
