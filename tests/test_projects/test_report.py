"""Reports of reproduced tables, from results written by hand."""

from by_hand import planned

from incremental_bisenet.report import write_report
from incremental_bisenet.tables import PaperTable, Row


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
                        '-4.00', '12.00 ± 2.83', '0 1']  # fmt: skip
    assert cells[3][:4] == ['DPCE (FAILED)', '-', '30.00', '-']
    assert '- Machine: a box' in text
    assert 'Seeds per run: 1 or 2' in text
    assert 'it broke' in text
    assert 'DPCE - UNCE, old: +18.00; fewer than two seeds each' in text
    assert [path.suffix for path in report.files] == ['.txt', '.md', '.csv', '.png']
    assert all(path.stat().st_size for path in report.files)


def test_moments_of_a_learning_curve(tmp_path):
    def point(iteration, value):
        return dict(iteration=iteration, mIoU_with_background={'all': value})

    curve = [point(i, 10.0 * i) for i in (1, 2, 3, 4, 5, 6)]
    table = PaperTable('Table Y', {'1/3': '', '2/3': '', 'end': ''}, [], epochs=True)
    runs = [(Row('plain', 'leaf'), [planned(tmp_path, 'p', 0, 1.0, 2.0, curve)])]
    report = write_report(table, runs, {}, {}, tmp_path / 'tabley')
    ((row,),) = report.table.sections
    assert row[0] == 'plain'
    assert [str(row[place]) for place in (1, 2, 3)] == ['20.00', '40.00', '60.00']
    assert (tmp_path / 'tabley.png').stat().st_size > 5_000
