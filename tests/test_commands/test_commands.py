"""The console command: every command is found, and answers without what its work needs."""

import shutil
import subprocess
import sys

import pytest
from tiny import ROOT, cfg_options, command_main, leaf

from mmseg_incremental.commands import __main__ as console
from mmseg_incremental.commands.train import parse_args
from mmseg_incremental.errors import InputError
from mmseg_incremental.utils.shipped import find_config, leaf_names

COMMANDS = console.summaries()
#: What no command line needs: each takes tenths of a second or more to import.
HEAVY = ('torch', 'numpy', 'mmengine', 'mmcv', 'mmseg', 'matplotlib')


def test_help_of_every_command_imports_nothing_heavy():
    code = f"""
import contextlib, io, sys
from mmseg_incremental.commands.__main__ import main, summaries
for name in summaries():
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([name, '--help'])
    assert text.getvalue().startswith(f'usage: mmseg-incremental {{name}} '), text.getvalue()
    heavy = [module for module in {HEAVY!r} if module in sys.modules]
    assert not heavy, (name, heavy)
"""
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def test_every_command_has_a_tool_of_a_clone():
    tools = [path.read_text() for path in (ROOT / 'tools').rglob('*.py')]
    assert COMMANDS.keys() >= {'train', 'test', 'extend', 'make-shapes'}
    for name in COMMANDS:
        line = f'from mmseg_incremental.commands.{name.replace("-", "_")} import main'
        assert sum(line in text for text in tools) == 1, name


def test_listing_has_a_line_for_every_command(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '80')
    with pytest.raises(SystemExit):
        console.main(['--help'])
    lines = capsys.readouterr().out.splitlines()
    for name, summary in COMMANDS.items():
        assert summary
        assert any(line.startswith(f'  {name} ') for line in lines)
    assert max(map(len, lines)) <= 80


def test_unknown_command_is_told(capsys):
    with pytest.raises(SystemExit):
        console.main(['trian'])
    assert "unknown command 'trian'; did you mean train?" in capsys.readouterr().err


def test_no_command_lists_them(capsys):
    with pytest.raises(SystemExit):
        console.main([])
    shown = capsys.readouterr().out
    assert all(f'\n  {name} ' in shown for name in console.summaries())


def test_train_without_a_config_names_the_leaves(capsys):
    console.main(['train'])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:-1] == [f'  {name}' for name in leaf_names()]
    assert 'bisenet_r18_shapes_4-1_mib' in leaf_names()
    assert 'extend' not in leaf_names()


def test_options_are_read_as_by_mmengine():
    texts = ['--cfg-options', 'a.b=1', 'c=(2,3)', '--cfg-options', 'd=None', 'a.b=x=y']
    assert parse_args(['leaf', *texts]).cfg_options == {'a.b': 'x=y', 'c': (2, 3), 'd': None}
    assert parse_args(['leaf']).cfg_options == {}


@pytest.mark.parametrize(
    ('text', 'message'),
    [('batch_size', "takes KEY=VALUE, not 'batch_size'"), ('crop_size=(3,2', 'Imbalanced')],
)
def test_options_of_another_form_are_told(text, message, capsys):
    with pytest.raises(SystemExit):
        parse_args(['leaf', '--cfg-options', text])
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_config_is_found_by_name_or_path(tmp_path, monkeypatch):
    name = 'bisenet_r18_shapes_4-1_mib'
    monkeypatch.chdir(tmp_path)
    shipped = ROOT / 'configs' / f'{name}.py'
    assert find_config(name).samefile(shipped)
    assert find_config(shipped) == shipped
    assert find_config('shapes_4-1', 'comparisons').parent.name == 'comparisons'
    (tmp_path / name).mkdir()  # a work dir of that name is no config
    assert find_config(name).samefile(shipped)


@pytest.mark.parametrize(
    'name', ['bisenet_r18_shapes_4_1_mib', 'configs/bisenet_r18_shapes_4-1_mib.py']
)
def test_unknown_config_names_those_that_are_close(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r'not found; did you mean bisenet_r18_shapes_4-1_mib or '):
        find_config(name)
    with pytest.raises(InputError, match=r'not found; known names: [^\n]*bisenet_r101_voc_offline'):
        find_config('zzzz')


def test_quiet_prints_nothing_but_errors(shapes, tmp_path, capsys):
    options = cfg_options(shapes)
    command_main('train')([leaf(), '--dry-run', '--quiet', '--work-dir', tmp_path, *options])
    told = capsys.readouterr()
    assert told.out + told.err == ''
    with pytest.raises(SystemExit, match=r'^error: .*not found'):
        command_main('train')(['nothing', '--quiet'])


@pytest.mark.parametrize('script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh'])
@pytest.mark.parametrize('chosen', [True, False])
def test_scripts_need_no_command_of_the_name_python(script, chosen, tmp_path):
    for name in ('mine', 'python3', 'srun'):
        (tmp_path / name).write_text('#!/bin/bash\necho ${0##*/} "$@"\n')
        (tmp_path / name).chmod(0o755)
    for name in ('bash', 'dirname'):
        (tmp_path / name).symlink_to(shutil.which(name))
    python = {'PYTHON': str(tmp_path / 'mine')} if chosen else {}
    done = subprocess.run(
        [str(ROOT / 'tools' / script), 'a', 'b', '2'],
        capture_output=True, text=True, check=False, env={'PATH': str(tmp_path), **python},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ('mine' if chosen else 'python3') in done.stdout


def test_what_only_some_configs_need_is_not_imported_with_the_package():
    code = """
import sys
sys.modules['timm'] = None  # an extra, which brings the compiler along
from mmseg_incremental import apis
found = {'torch._dynamo', 'matplotlib.figure', 'mmpretrain', 'torchvision'} & sys.modules.keys()
assert not found, found
from mmseg.registry import MODELS
assert MODELS.get('mmpretrain.ResNet')
"""
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
