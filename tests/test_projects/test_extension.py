"""The comparison of extensions, with trainings of two iterations."""

from pathlib import Path

import pytest

from extension.compare import main
from extension.extending import write_spreads


def test_table_has_means_and_spreads(tmp_path: Path) -> None:
    found = {('a', 'mib'): [[70.0, 40.0], [72.0, 44.0]], ('a', 'ft'): [[0.0, 60.0]]}
    write_spreads('t', ['model', 'method'], ['old', 'new'], found, tmp_path / 'table.md')
    text = ' '.join((tmp_path / 'table.md').read_text().split())
    assert '| a | mib | 71.00 ± 1.41 | 42.00 ± 2.83 |' in text
    assert '| a | ft | 0.00 | 60.00 |' in text


@pytest.mark.slow
@pytest.mark.parametrize('background', [True, False])
def test_a_class_is_added_to_a_stock_model(tmp_path: Path, background: bool) -> None:
    options = ['--models', 'bisenetv1', '--seeds', '0', '--iters', '2', '--extend-iters', '2']
    main([str(tmp_path), *options, *([] if background else ['--no-background'])])
    rows = [row.split() for row in (tmp_path / 'table.md').read_text().splitlines()]
    assert [row[3] for row in rows if row[1:2] == ['bisenetv1']] == ['default', 'ft']
    assert (tmp_path / 'bisenetv1_old_0' / 'default' / 'step_1.pth').is_file()
