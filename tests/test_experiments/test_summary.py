"""Summaries over seeds, from results written by hand."""

import csv
import io

import pytest
from by_hand import planned

from mmseg_incremental.experiments.summary import summarize, summary_table, write_summary


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
    table = summary_table(groups, 'Title')
    assert [column.name for column in table.columns] == [
        'run', '1', '2', 'all', 'all + bg', 'pixel acc.', 'seeds', 'failed',
    ]  # fmt: skip
    assert [table.columns[1].show(row[1]) for row in table.rows] == ['12.00 ± 2.83', '-']
    files = write_summary(groups, 'Title', tmp_path / 'summary')
    assert sorted(files) == sorted(tmp_path.glob('summary.*'))
    assert [path.suffix for path in files] == ['.txt', '.md', '.csv', '.png']
    assert (tmp_path / 'summary.md').read_text().endswith('![Title](summary.png)\n')
    for suffix in ('.txt', '.md'):
        text = (tmp_path / f'summary{suffix}').read_text()
        assert 'FAILED: lr=2: error: it broke' in text
    first, second = csv.DictReader(io.StringIO((tmp_path / 'summary.csv').read_text()))
    assert (first['run'], first['1 mean'], first['2 std']) == ('lr=1', '12.0', '0.0')
    assert (second['1 mean'], second['failed']) == ('', '1')


def test_orders_of_learning_have_a_spread_and_a_worst(tmp_path):
    runs = [planned(tmp_path, 'mib', seed, 10.0 + 10 * order, 20.0, order=order)
            for order in range(3) for seed in (0, 1)]  # fmt: skip
    table = summary_table(summarize(runs, {}), 'Title')
    row = dict(zip([column.name for column in table.columns], table.rows[0], strict=True))
    assert row['1'].mean == 20.0
    assert (row['orders'], row['worst all'], row['seeds']) == (3, 15.0, '0 1')
