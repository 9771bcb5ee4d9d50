"""The command that reproduces the paper's tables and figures."""

import re

import pytest
from tiny import ROOT, command_main


def test_library_knows_no_project():
    imports = re.compile(r'^\s*(?:from|import) +(?:projects|incremental_bisenet)\b', re.MULTILINE)
    modules = list((ROOT / 'mmseg_incremental').rglob('*.py'))
    assert len(modules) > 50
    assert [path for path in modules if imports.search(path.read_text(encoding='utf-8'))] == []


def test_table_of_the_paper_is_planned_and_missing_weights_are_told(voc_mini, tmp_path, capsys):
    root = tmp_path / 'work'
    run = ['table4', '--schedule', 'short', '--data-root', voc_mini, '--work-dir', root]
    weights = ['--backbone-weights', tmp_path / 'none.pth']
    command_main('reproduce')([*run, *weights, '--dry-run'])
    out = ' '.join(capsys.readouterr().out.split())
    # step 0 once, Joint, four methods with one later step and with two; the control rows take one
    assert f'{1200 + 1800 + 4 * (200 + 400) + 1 + 2} iterations are left' in out
    assert 'none.pth not found' in out
    assert not root.exists()
    with pytest.raises(SystemExit, match=r'none\.pth not found'):
        command_main('reproduce')([*run, *weights])
    assert not root.exists()


def test_figure_8_is_drawn(tmp_path):
    command_main('reproduce')(['figure8', '--work-dir', tmp_path])
    assert (tmp_path / 'figure8.png').stat().st_size > 20_000
