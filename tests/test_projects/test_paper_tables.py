"""The paper's tables: what it printed, and configs that give ours."""

import re
from pathlib import Path

import pytest
from tiny import ROOT

from incremental_bisenet.tables import TABLE1, TABLE1_ROW, paper_table
from mmseg_incremental.experiments.method_comparison import CONTROL
from mmseg_incremental.experiments.run import Run

TABLES = ('table2', 'table3', 'table4', 'table5', 'fixed_channels')
PAPER = Path(ROOT).parent / 'shared' / 'paper' / 'paper.txt'
CONFIGS = ROOT / 'configs'
GROUPS = ('model', 'dataset', 'task', 'method', 'schedule')
ROWS = {
    f'{name}-{schedule}-{row.section}-{row.label}': (schedule, row)
    for name in TABLES
    for schedule in ('paper', 'short')
    for row in paper_table(name, schedule).rows
} | {'table1': ('paper', TABLE1_ROW)}


@pytest.mark.parametrize('name', ROWS)
def test_every_row_names_a_leaf_and_files_that_there_are(name):
    _, row = ROWS[name]
    assert (CONFIGS / f'{row.config}.py').is_file()
    for group in set(GROUPS) & set(row.options):
        assert (CONFIGS / '_base_' / f'{group}s' / f'{row.options[group]}.py').is_file()


@pytest.mark.parametrize('name', ROWS)
def test_every_row_has_a_config_that_takes_its_options(name, tmp_path):
    schedule, row = ROWS[name]
    cfg = Run(str(CONFIGS / f'{row.config}.py'), row.options).load(tmp_path).cfg
    assert (cfg.crop_size == (392, 392)) == (schedule == 'paper')
    if found := re.search(r'ResNet-(\d+)', row.label):
        assert cfg.model.backbone.backbone_cfg.depth == int(found[1])
        assert cfg.backbone_weights == f'weights/resnet{found[1]}_in1k.pth'
    if found := re.fullmatch(r'FUCE\((.+), (.+)\)', row.label):
        assert [cfg.method.loss.alpha, cfg.method.loss.gamma] == [float(n) for n in found.groups()]
    if row.section:
        assert row.label in (cfg.method.name, CONTROL)
        assert cfg.setting == ('overlapped' if row.label == 'Joint' else 'disjoint')
        tasks = {'both at once': 'animals', 'one by one': 'animals-s'}
        joint = {'paper': 'offline', 'short': 'animals-offline'}[schedule]
        expected = tasks.get(row.section, row.section)
        assert cfg.task.name == (joint if row.label == 'Joint' else expected)
    transforms = [transform.type for transform in cfg.train_dataloader.dataset.pipeline]
    assert ('PhotoMetricDistortion' in transforms) == ('augmented' in row.label)


@pytest.mark.parametrize('schedule', ['paper', 'short'])
@pytest.mark.parametrize('name', TABLES)
def test_rows_differ_and_fill_the_columns(name, schedule):
    table = paper_table(name, schedule)
    assert len({(r.label, r.section) for r in table.rows}) == len(table.rows)
    assert len({(r.config, str(r.options), r.section) for r in table.rows}) == len(table.rows)
    assert all(set(r.paper) <= set(table.columns) for r in table.rows)


def test_tables_of_the_short_schedule_share_runs():
    def runs(name):
        return {(r.config, str(r.options)) for r in paper_table(name, 'short').rows}

    assert runs('table3') & runs('table4'), 'Joint'
    assert runs('table4') & runs('table5'), 'MiB'


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
    for batch, crop, share in TABLE1:
        assert {crop, batch, round(100 * share)} <= numbers


def test_the_attempts_are_those_of_table_1_in_its_order():
    if not PAPER.is_file():
        pytest.skip(f'{PAPER} is absent')
    text = PAPER.read_text(encoding='utf-8').split('Table 1. Optimization')[1]
    printed = re.findall(r'^\d\t(\d+)\t(\d+)\t(\d+)%', text, re.MULTILINE)
    assert [(b, c, round(100 * s)) for b, c, s in TABLE1] == [
        tuple(map(int, row)) for row in printed
    ]


def test_the_short_schedule_has_no_values_of_other_data():
    rows = [row for name in TABLES for row in paper_table(name, 'short').rows]
    assert not any(row.paper for row in rows)


def test_every_task_of_table_4_has_all_methods_and_a_control_row():
    for schedule in ('paper', 'short'):
        sections = {}
        for row in paper_table('table4', schedule).rows:
            sections.setdefault(row.section, []).append(row.label)
        assert len(sections) == 2
        for labels in sections.values():
            assert labels == [CONTROL, 'FT', 'LwF', 'ILT', 'MiB', 'Joint']


def test_dpce_stands_beside_table_5():
    for schedule in ('paper', 'short'):
        labels = [r.label for r in paper_table('table5', schedule).rows]
        assert {'UNCE', 'FUCE(1, 2)', 'FUCE(2, 1.5)', 'UNCE + DPCE'} <= set(labels)
