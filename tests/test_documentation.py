"""What the README and the site name is there; the commands of the README are run."""

import importlib.util
import re
import shlex
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from tiny import ROOT

from mmseg_incremental.commands.__main__ import summaries
from mmseg_incremental.utils.shipped import find_config

BLOCK = re.compile(r'^ *```bash\n(.*?)^ *```', re.DOTALL | re.MULTILINE)
REFERENCE = sorted((ROOT / 'docs' / 'reference').glob('*.md'))
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'docs').rglob('*.md'))]
#: Where the config of a command lies that takes the name of a shipped one.
FOLDERS = {'train': (), 'test': (), 'sweep': (), 'browse': (), 'compare': ('comparisons',)}
SHORT = """#!/bin/sh
case $1 in
  train) set -- "$@" --cfg-options step_schedule.first.iters=3 step_schedule.later.iters=3 ;;
  extend) set -- "$@" --iters 3 ;;
esac
exec {python} -m mmseg_incremental.commands "$@"
"""


def commands() -> list[tuple[str, str]]:
    """Every command line of the console command, with the page that shows it."""
    found = []
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            for line in block.replace('\\\n', ' ').splitlines():
                if line.split()[:1] == ['mmseg-incremental']:
                    found.append((page.relative_to(ROOT).as_posix(), ' '.join(line.split())))
    return found


def parse(line: str) -> tuple[str, Namespace]:
    _, name, *arguments = shlex.split(line, comments=True)
    module = importlib.import_module(f'mmseg_incremental.commands.{name.replace("-", "_")}')
    try:
        return name, module.parse_args(arguments)
    except SystemExit as end:
        if end.code:
            raise
        return name, Namespace()  # --help


def test_there_are_commands() -> None:
    assert len(commands()) > 25


@pytest.mark.parametrize(('page', 'line'), commands())
def test_command_line_is_understood(page: str, line: str) -> None:
    name, args = parse(line)
    config = getattr(args, 'comparison' if name == 'compare' else 'config', None)
    if name in FOLDERS and config and not str(config).isupper():
        find_config(config, *FOLDERS[name])


def test_page_of_commands_names_all() -> None:
    text = (ROOT / 'docs' / 'commands.md').read_text()
    rows = re.findall(r'^\| `([a-z-]+)` \| `(\S+)` \|', text, re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(summaries())
    assert [tool for _, tool in rows if not (ROOT / tool).is_file()] == []


@pytest.mark.parametrize('page', REFERENCE, ids=lambda page: page.stem)
def test_reference_names_modules_that_exist(page: Path) -> None:
    names = re.findall(r'^::: (\S+)$', page.read_text(), re.MULTILINE)
    assert names
    assert [name for name in names if importlib.util.find_spec(name) is None] == []


@pytest.mark.slow
def test_readme_adds_a_class(tmp_path: Path) -> None:
    """The block as it is written, in an empty folder; only the trainings are shorter."""
    text = (ROOT / 'README.md').read_text()
    block = BLOCK.search(text, text.index('## Add a class to your model'))[1]
    shim = tmp_path / 'bin' / 'mmseg-incremental'
    shim.parent.mkdir()
    shim.write_text(SHORT.format(python=shlex.quote(sys.executable)))
    shim.chmod(0o755)
    folder = tmp_path / 'empty'
    folder.mkdir()
    done = subprocess.run(
        ['bash', '-e', '-c', f'PATH={shim.parent}:$PATH\n{block}'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '6 = cross' in done.stdout
    for name in ('step_1.py', 'step_1.pth', 'report.md'):
        assert (folder / 'work_dirs' / 'extend' / name).is_file()
