"""The paper's tables beside ours, on values worked out by hand."""

from incremental_bisenet.comparison import ComparedRow, comparison_table, verdicts
from incremental_bisenet.tables import PaperTable, Row
from mmseg_incremental.evaluation.spread import Spread


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
    lines = comparison_table(BASED, rows).text().splitlines()
    cells = [[c.strip() for c in line.strip('│').split('│')] for line in lines if '│' in line]
    assert cells[0] == ['run', 'old paper', 'old ours', 'old diff.', 'new paper', 'new ours',
                        'new diff.', 'seeds']  # fmt: skip
    # mean 61, sample deviation sqrt(((-1)^2 + 1^2) / 1)
    assert cells[1] == ['UNCE', '67.66', '61.00 ± 1.41', '-6.66', '30.47', '30.00 ± 0.00',
                        '-0.47', '0 1']  # fmt: skip
    assert cells[2] == ['DPCE', '-', '62.50 ± 1.41', '-', '-', '-', '-', '0 1']


def test_parts_of_a_table_are_kept_apart():
    rows = [row('FT', ([1.0], [2.0]), section='15-5'), row('MiB', ([3.0], [4.0]), section='15-5'),
            row('FT', ([5.0], [6.0]), section='15-5s')]  # fmt: skip
    table = comparison_table(ORDERED, rows)
    assert [column.name for column in table.columns[:2]] == ['task', 'run']
    cells = [[line[:2] for line in section] for section in table.sections]
    assert cells == [[['15-5', 'FT'], ['15-5', 'MiB']], [['15-5s', 'FT']]]


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
    # FT to LwF and ILT, those to MiB, MiB to Joint; then the same of the new classes
    assert len(rest) == 5 + 1 + 5
    assert rest[5].startswith('15-5, new classes: the order')
    assert 'does NOT hold' in rest[5]
    assert 'does NOT hold' in verdicts(ORDERED, rows(10.5))[0]


def test_order_needs_all_runs():
    rows = [row('FT', ([0.0], [1.0])), row('MiB', ([], []))]
    assert verdicts(ORDERED, rows) == [
        f'{column} classes: FT < MiB cannot be told, runs are missing.' for column in ('old', 'new')
    ]


def test_order_that_the_papers_own_numbers_do_not_have_is_not_asked_for():
    printed = {'FT': (0.0, 1.5), 'LwF': (5.8, 11.4), 'ILT': (4.7, 5.5), 'MiB': (36.7, 10.0)}
    rows = [row(name, ([1.0], [1.0]), paper) for name, paper in printed.items()]
    assert all('old classes' in text for text in verdicts(ORDERED, rows))


def test_methods_are_held_against_step_0_as_it_is():
    table = PaperTable('T', {'old': 'old', 'new': 'new'}, [], control='not trained')
    rows = [row('not trained', ([12.0], [0.0])), row('MiB', ([11.5], [0.1])), row('FT', ([], []))]
    assert verdicts(table, rows) == ['MiB against step 0 as it is: old -0.50, new +0.10.']


def test_without_the_papers_data_its_values_are_left_out():
    rows = [row('FT', ([1.0], [2.0])), row('MiB', ([3.0], [4.0]))]
    rows[1] = ComparedRow(rows[1].row, rows[1].ours, [0], (), Spread.of([7.0]))
    table = comparison_table(ORDERED, rows)
    assert [c.name for c in table.columns] == ['run', 'old', 'new', 'old after step 0', 'seeds']
    cells = [line.strip('│').split('│') for line in table.text().splitlines() if '│' in line]
    assert [cell.strip() for cell in cells[-1]] == ['MiB', '3.00', '4.00', '7.00', '0']
