"""One table in a terminal, in Markdown and in CSV, beside texts written by hand."""

import csv
import io

import pytest
from rich.console import Console

from mmseg_incremental.utils.console import get_console, print_table
from mmseg_incremental.utils.table import Column, Table, write_table

TABLE = Table(
    'mIoU of a|b',
    [Column('step', 'left'), Column('classes', 'left'), Column('all', format='.2f')],
    [[[0, 'disc, square', 74.137], [1, 'a|b', None]], [['average', '', 'none']]],
    ['first note', 'second [note]'],
)


def test_text_has_title_sections_and_notes():
    assert TABLE.text().splitlines() == [
        'mIoU of a|b',
        '┌─────────┬──────────────┬───────┐',
        '│ step    │ classes      │   all │',
        '├─────────┼──────────────┼───────┤',
        '│ 0       │ disc, square │ 74.14 │',
        '│ 1       │ a|b          │     - │',
        '├─────────┼──────────────┼───────┤',
        '│ average │              │  none │',
        '└─────────┴──────────────┴───────┘',
        'first note',
        'second [note]',
    ]


def test_markdown_keeps_sections_apart_and_bars_in_their_cell():
    lines = TABLE.markdown().splitlines()
    assert lines[0] == '# mIoU of a|b'
    cells = [[c.strip() for c in line.replace(r'\|', '/').strip('|').split('|')] for line in lines]
    assert cells[2] == ['step', 'classes', 'all']
    left, _, right = cells[3]
    assert left.startswith(':-')
    assert right.endswith('-:')
    assert cells[4:8] == [
        ['0', 'disc, square', '74.14'], ['1', 'a/b', '-'], ['', '', ''], ['average', '', 'none'],
    ]  # fmt: skip
    assert lines[-2:] == ['- first note', '- second [note]']


def test_csv_has_the_values_unrounded():
    assert list(csv.reader(io.StringIO(TABLE.csv()))) == [
        ['step', 'classes', 'all'],
        ['0', 'disc, square', '74.137'],
        ['1', 'a|b', ''],
        ['average', '', 'none'],
    ]


def long_table(names):
    columns = [Column('step', 'left'), Column('new classes', 'left'), Column('learning rate')]
    columns += [Column(f'{k}0 to {k}9', format='.2f') for k in range(5)]
    return Table('t', columns, [[[0, ', '.join(names), 0.025, *[100 / 3] * 5]]])


@pytest.mark.parametrize('width', [80, 90, 120, 200])
def test_long_list_is_folded_to_the_width(width):
    names = [f'class{k}' for k in range(100)]
    lines = long_table(names).text(width).splitlines()
    box = lines[1:]
    assert {len(line) for line in box} == {len(box[0])}
    assert width - 10 < len(box[0]) <= width
    cells = [[c.strip() for c in line.strip('│').split('│')] for line in box if '│' in line]
    body = [row for row in cells if row[1].startswith('class')]
    assert ' '.join(row[1] for row in body) == ', '.join(names), 'nothing is cut off'
    assert body[0][3:] == ['33.33'] * 5
    assert all(not any(row[2:]) for row in body[1:]), 'only the list is folded'


def test_headings_are_folded_before_text():
    lines = long_table(['aeroplane, bicycle']).text(90).splitlines()
    heads = [[c.strip() for c in line.strip('│').split('│')] for line in lines[2:4]]
    assert heads[0][1:4] == ['new classes', 'learning', '00 to']
    assert heads[1][1:4] == ['', 'rate', '09']
    assert 'aeroplane, bicycle' in lines[5]


def test_values_are_never_cut():
    table = Table('t', [Column('a', 'left'), Column('b')], [[['x' * 30, '12.00 ± 2.83 (n = 3)']]])
    text = table.text(10)
    assert '12.00 ± 2.83 (n = 3)' in text
    assert text.count('x') == 30


def test_a_table_without_rows_has_its_headings():
    empty = Table('t', [Column('a', 'left'), Column('b')], [])
    assert empty.text().splitlines()[2] == '│ a │ b │'
    assert empty.csv() == 'a,b\n'


@pytest.mark.parametrize(
    ('columns', 'row', 'text'),
    [(['a', 'a'], [1, 2], 'share a name'), (['a', 'b'], [1], '2 columns')],
)
def test_table_that_makes_no_sense(columns, row, text):
    with pytest.raises(ValueError, match=text):
        Table('t', list(map(Column, columns)), [[row]])


def test_three_files_beside_each_other(tmp_path):
    data = Table('', [Column('all')], [[[74.137]]])
    stem = tmp_path / 'new' / 'lr=0.1'
    files = write_table(TABLE, stem, data=data, picture='lr=0.1.png')
    assert [path.name for path in files] == ['lr=0.1.txt', 'lr=0.1.md', 'lr=0.1.csv']
    assert sorted(files) == sorted((tmp_path / 'new').iterdir())
    text, markdown, table = (path.read_text(encoding='utf-8') for path in files)
    assert text == TABLE.text() + '\n'
    assert markdown == TABLE.markdown() + '\n\n![mIoU of a|b](lr=0.1.png)\n'
    assert table == 'all\n74.137\n'


def test_console_shows_a_table_as_it_is(capsys):
    print_table(get_console(), TABLE)
    assert capsys.readouterr().out == TABLE.text() + '\n'


def test_console_gives_its_width():
    console = Console(width=80, file=io.StringIO(), markup=False)
    table = long_table([f'class{k}' for k in range(100)])
    print_table(console, table)
    assert console.file.getvalue() == table.text(80) + '\n'
