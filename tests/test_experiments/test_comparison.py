"""The paper's tables beside ours, on values worked out by hand."""

import re
from pathlib import Path

import pytest
from tiny import ROOT

from mmseg_incremental.engine import load_config
from mmseg_incremental.experiments.comparison import ComparedRow, comparison_table, verdicts
from mmseg_incremental.experiments.paper import TABLE1, PaperTable, Row, paper_table
from mmseg_incremental.experiments.summary import Spread

TABLES = ('table2', 'table3', 'table4', 'table5')
PAPER = Path(ROOT).parent / 'shared' / 'paper' / 'paper.txt'


def row(label, values, paper=(), section=''):
    columns = ('old', 'new')
    ours = {name: Spread.of(v) for name, v in zip(columns, values, strict=True)}
    seeds = range(max(len(v) for v in values))
    printed = dict(zip(columns, paper, strict=bool(paper)))
    return ComparedRow(Row(label, 'leaf', {}, printed, section), ours, list(seeds))


ORDERED = PaperTable(
    'T', {'old': 'old', 'new': 'new'}, [], order=(('FT',), ('LwF', 'ILT'), ('MiB',), ('Joint',))
)
BASED = PaperTable('T', {'old': 'old', 'new': 'new'}, [], baseline='UNCE')


def test_difference_beside_the_papers():
    rows = [row('UNCE', ([60.0, 62.0], [30.0, 30.0]), (67.66, 30.47)),
            row('DPCE', ([61.5, 63.5], []))]  # fmt: skip
    lines = comparison_table(BASED, rows).get_string().splitlines()
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines if '|' in line]
    assert cells[0] == ['run', 'old paper', 'old ours', 'old diff.', 'new paper', 'new ours',
                        'new diff.', 'seeds']  # fmt: skip
    # mean 61, sample deviation sqrt(((-1)^2 + 1^2) / 1)
    assert cells[1] == ['UNCE', '67.66', '61.00 ± 1.41', '-6.66', '30.47', '30.00 ± 0.00',
                        '-0.47', '0 1']  # fmt: skip
    assert cells[2] == ['DPCE', '-', '62.50 ± 1.41', '-', '-', '-', '-', '0 1']


def test_difference_within_the_spread_is_said_to_be():
    rows = [row('UNCE', ([60.0, 62.0], [30.0, 30.2]), (67.0, 30.0)),
            row('FUCE', ([61.5, 63.5], [31.0, 31.2]), (67.5, 33.0))]  # fmt: skip
    old, new = verdicts(BASED, rows)
    # spread of a difference: sqrt(2 + 2) = 2
    assert old == ('FUCE - UNCE, old: +1.50 (paper, one run: +0.50), '
                   'which does not exceed the spread over seeds of 2.00.')  # fmt: skip
    assert new.endswith('+1.00 (paper, one run: +3.00), '
                        'which exceeds the spread over seeds of 0.20.')  # fmt: skip


def test_one_seed_tells_no_spread():
    rows = [row('UNCE', ([60.0], [30.0])), row('FUCE', ([61.0], [30.0]))]
    assert verdicts(BASED, rows)[0] == (
        'FUCE - UNCE, old: +1.00; fewer than two seeds each, so the spread is unknown.'
    )


def test_order_of_the_paper_holds_or_not():
    def rows(lwf):
        values = {'FT': 0.0, 'LwF': lwf, 'ILT': 5.0, 'MiB': 10.0, 'Joint': 12.0}
        return [row(name, ([value], [1.0]), section='15-5') for name, value in values.items()]

    first, *rest = verdicts(ORDERED, rows(6.0))
    assert first == (
        '15-5, old classes: the order FT < LwF, ILT < MiB < Joint of the paper holds in our means.'
    )
    assert len(rest) == 5  # FT to LwF and ILT, those to MiB, MiB to Joint
    assert 'does NOT hold' in verdicts(ORDERED, rows(10.5))[0]


def test_order_needs_all_runs():
    rows = [row('FT', ([0.0], [1.0])), row('MiB', ([], []))]
    assert verdicts(ORDERED, rows) == ['old classes: FT < MiB cannot be told, runs are missing.']


@pytest.mark.parametrize('schedule', ['paper', 'short'])
@pytest.mark.parametrize('name', TABLES)
def test_every_row_has_a_config_that_takes_its_options(name, schedule):
    table = paper_table(name, schedule)
    assert len({(r.label, r.section) for r in table.rows}) == len(table.rows)
    for r in table.rows:
        cfg = load_config(ROOT / 'configs' / f'{r.config}.py', r.options)
        assert set(r.paper) <= set(table.columns)
        assert (cfg.crop_size == (392, 392)) == (schedule == 'paper')


def test_printed_groups_recombine_to_all():
    # 15 old and 5 new classes; the paper rounds to two digits
    for name in ('table4', 'table5'):
        for r in paper_table(name, 'paper').rows:
            if r.paper:
                expected = (15 * r.paper['old'] + 5 * r.paper['new']) / 20
                assert r.paper['all'] == pytest.approx(expected, abs=0.03)


def test_printed_values_are_those_of_the_paper():
    if not PAPER.is_file():
        pytest.skip(f'{PAPER} is absent')
    numbers = {float(n) for n in re.findall(r'\d*\.\d+|\d+', PAPER.read_text(encoding='utf-8'))}
    for name in TABLES:
        for r in paper_table(name, 'paper').rows:
            for column, value in r.paper.items():
                # the mIoU of Table 2 is printed as a share, and "all" of FT as .766
                shown = {value, round(value / 100, 4)}
                assert shown & numbers or (r.label, column) == ('FT', 'all'), (r.label, column)
    for crop, (batch, share) in TABLE1.items():
        assert {crop, batch, share} <= numbers


def test_dpce_stands_beside_table_5():
    for schedule in ('paper', 'short'):
        labels = [r.label for r in paper_table('table5', schedule).rows]
        assert {'UNCE', 'FUCE(1, 2)', 'FUCE(2, 1.5)', 'UNCE + DPCE'} <= set(labels)
