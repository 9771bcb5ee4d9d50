import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny import command_main

from mmseg_incremental.engine import closing
from mmseg_incremental.errors import InputError
from mmseg_incremental.report import write_report
from mmseg_incremental.report.charts import line_chart, scatter_chart
from mmseg_incremental.report.comparison import comparison
from mmseg_incremental.report.run import ReportRun
from mmseg_incremental.report.sections import sections
from mmseg_incremental.sequence import WorkDir

VOID = {'meta', 'link', 'img', 'use', 'path', 'br'}


class Page(HTMLParser):
    """Headings, and every address that a browser would ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.headings, self.addresses, self._heading = [], [], [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self._heading = tag in ('h1', 'h2', 'h3')
        self.addresses += [v for k, v in attrs if k in ('src', 'href', 'xlink:href', 'srcset')]
        assert tag != 'script'

    def handle_startendtag(self, tag, attrs):
        self.addresses += [v for k, v in attrs if k in ('src', 'href', 'xlink:href')]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self._heading and data.strip():
            self.headings.append(data.strip())


def copied(trained, folder, **sequence):
    """A run of another seed: another one's results under another name."""
    shutil.copytree(trained, folder, ignore=shutil.ignore_patterns('*.pth', '*.png'))
    content = json.loads((folder / 'results.json').read_text())
    del content['sha256']
    content['sequence'].update(sequence)
    for result in content['steps'].values():
        result['seed'] = 7
        result['mIoU'] = {name: value + 1 for name, value in result['mIoU'].items()}
    (folder / 'results.json').write_text(json.dumps(content))
    return folder


def test_every_run_writes_a_page_that_needs_nothing_else(trained):
    text = (trained / 'report.html').read_text()
    assert f'wrote {trained / "report.html"}' in (trained / 'stdout.txt').read_text()
    page = Page(text)
    assert page.open == []
    assert page.headings == [
        'MiB on shapes 4-1', 'Results', 'What was learnt when', 'Every class after every step',
        'While learning', 'Pictures', 'Who is taken for whom', 'Time and memory',
        'How it was made',
    ]  # fmt: skip
    assert all(one.startswith(('data:', '#')) for one in page.addresses)
    assert text.count('src="data:image/png;base64,') == 3
    assert re.search(r'train\S* .*--work-dir', text)
    assert not re.search(r'url\((?!#)', text)
    assert len({*re.findall(r'id="(\w{10,})"', text)}) == len(re.findall(r'id="(\w{10,})"', text))


def test_tables_hold_what_the_results_hold(trained):
    run = ReportRun.read(trained)
    found = {section.title: section for section in sections(run)}
    (matrix,) = found['Every class after every step'].tables
    rows = {row[0]: row for section in matrix.sections for row in section}
    assert [len(section) for section in matrix.sections] == [1, 4, 1, 1]
    assert list(rows) == run.results.names('IoU')
    for name, (_, _, *values, forgotten) in rows.items():
        assert values == run.results.column('IoU', name)
        assert forgotten == run.results.forgetting('IoU', name)
    groups, _ = found['Who is taken for whom'].tables
    assert [sum(row[1:]) for row in groups.sections[0]] == pytest.approx([100] * 4)
    (made,) = found['How it was made'].tables
    facts = dict(made.sections[0])
    assert facts['method.name'] == 'MiB'
    assert facts['method.distillation.0.type'] == 'UnbiasedKnowledgeDistillation'
    assert not [value for value in facts.values() if value.startswith(('{', '['))]
    assert run.commands[0].startswith('20')
    assert run.settings['train_cfg.iters'] == 6
    assert {1, 2} <= set(run.losses) <= {0, 1, 2}  # so short a step may log nothing


def test_runs_of_one_method_become_mean_and_spread(trained, tmp_path):
    other = copied(trained, tmp_path / 'seed_7')
    slow = copied(trained, tmp_path / 'ft', method=dict(name='FT'))
    runs = [ReportRun.read(path) for path in (trained, other, slow)]
    found = {section.title: section for section in comparison(runs)}
    ((mib, ft),) = found['Side by side'].tables[0].sections
    value = runs[0].last['mIoU']['all']
    assert mib[:2] == ['MiB', 2]
    assert f'{value + 0.5:.2f} ± 0.71' in mib
    assert ft[:2] == ['FT', 1]
    assert f'{value + 1:.2f}' in ft
    (differences,) = found['What differs between their configs'].tables
    assert [column.name for column in differences.columns[1:]] == ['mib', 'seed_7', 'ft']
    assert differences.sections[0] == [['seed', '0', '7', '7']]
    command_main('report')([trained, other, slow, '--out', tmp_path / 'all.html'])
    page = Page((tmp_path / 'all.html').read_text())
    assert page.headings[:3] == ['MiB, FT on shapes 4-1', 'Side by side', 'Old against new']


def test_config_is_read_whatever_it_names(trained, tmp_path):
    folder = tmp_path / 'a'
    (folder / 'step_2').mkdir(parents=True)
    shutil.copy(trained / 'results.json', folder)
    text = "model = dict(targets=dict(type='EntropyPseudoLabels'))\nlr = 0.1\nwork_dir = 'x'\n"
    (folder / 'step_2' / '20260101_000000.py').write_text(text)
    settings = ReportRun.read(folder).settings
    assert settings == {'model.targets.type': 'EntropyPseudoLabels', 'lr': 0.1, 'seed': 0}


def test_results_alone_are_enough(trained, tmp_path):
    shutil.copy(trained / 'results.json', tmp_path)
    write_report([tmp_path], tmp_path / 'a.html')
    assert 'Every class after every step' in Page((tmp_path / 'a.html').read_text()).headings


def test_names_of_classes_are_text(trained, tmp_path):
    groups = [['<script>alert(1)</script>', 'b', 'c', 'd'], ['e'], ['f']]
    other = copied(trained, tmp_path / 'a', groups=groups, task='<b>4-1')
    write_report([other], tmp_path / 'a.html')
    assert '&lt;b&gt;4-1' in (tmp_path / 'a.html').read_text()
    Page((tmp_path / 'a.html').read_text())


@pytest.mark.parametrize(
    ('content', 'message'),
    [(None, 'report takes work dirs with results'), ('{', 'damaged results file')],
)
def test_folders_without_results_are_one_line(content, message, tmp_path):
    if content:
        (tmp_path / 'results.json').write_text(content)
    with pytest.raises(SystemExit, match=rf'^error: .*{message}'):
        command_main('report')([tmp_path, '--out', tmp_path / 'a.html'])
    assert not (tmp_path / 'a.html').exists()


def test_run_does_not_fail_at_its_page(monkeypatch):
    def fail(*_):
        raise InputError('no luck')

    monkeypatch.setattr(closing, 'draw_sequence', lambda *_: ['a.png'])
    monkeypatch.setattr(closing, 'write_report', fail)
    said, log = [], SimpleNamespace(pictures=lambda paths: said.append(paths))
    sequence = SimpleNamespace(is_extension=False, work_dir=WorkDir(Path('w')))
    closing.close_run(sequence, None, log, said.append)
    note = f'note: {Path("w", "report.html")} could not be written (InputError: no luck)'
    assert said == ['wrote a.png', ['a.png'], f'wrote {Path("w", "results.json")}', note]


def test_charts_take_the_colours_of_the_page():
    for svg in (
        line_chart({'a': [(0, 1.0), (1, None), (2, 3.0)], 'b': [(0, 2.0)]}, 'x', 'y'),
        scatter_chart({'a': [(0, 1), (1, 2)]}, 'x', 'y'),
    ):
        assert svg.startswith('<svg role="img"')
        assert 'currentColor' in svg
        assert '#010203' not in svg
