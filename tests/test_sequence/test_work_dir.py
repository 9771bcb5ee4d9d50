"""The one place where the file names of a sequence are spelt."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import ROOT

from mmseg_incremental.sequence import WorkDir

PACKAGE = ROOT / 'mmseg_incremental'
HOME = PACKAGE / 'sequence' / 'work_dir.py'
SOURCES = sorted(
    path for part in (PACKAGE, ROOT / 'tools', ROOT / 'benchmarks') for path in part.rglob('*.py')
)
#: A step's checkpoint or plain config, by number; ``step_T.pth`` in a sentence names no file.
SPELT = re.compile(
    r'step_(?!T\.)[^\s/]*\.(pth|py)\b|results\.json|iter_|last_checkpoint|progress\.json'
)


# --- the names ----------------------------------------------------------------------------------


def test_names_by_hand(tmp_path):
    work_dir = WorkDir(tmp_path)
    names = {
        work_dir.checkpoint(12): 'step_12.pth',
        work_dir.plain_config(0): 'step_0.py',
        work_dir.step_dir(3): 'step_3',
        work_dir.survey(3): 'step_3/survey.pth',
        work_dir.memory(3): 'memory_3.json',
        work_dir.results: 'results.json',
        work_dir.progress: 'progress.json',
        work_dir.pictures: 'pictures',
    }
    assert {path: str(path.relative_to(tmp_path)) for path in names} == names
    assert work_dir.step_name(3) == 'step_3'


def test_folder_of_a_path(tmp_path):
    assert WorkDir.of(tmp_path) == WorkDir(tmp_path)
    assert WorkDir.of(str(tmp_path / 'step_1.pth')) == WorkDir(tmp_path)


def test_finished_steps_in_order(tmp_path):
    names = ['step_10.pth', 'step_2.pth', 'step_0.pth']
    others = ['.step_3-abc.pth', 'step_x.pth', 'step_1.pth.bak', 'step_4.py', 'xstep_5.pth']
    for name in (*names, *others):
        (tmp_path / name).touch()
    found = WorkDir(tmp_path).checkpoints()
    assert list(found.items()) == [(step, tmp_path / f'step_{step}.pth') for step in (0, 2, 10)]
    assert WorkDir(tmp_path / 'none').checkpoints() == {}


def test_checkpoints_inside_a_step_go_with_their_pointer(tmp_path):
    folder = tmp_path / 'step_1'
    folder.mkdir()
    for name in ('iter_90.pth', 'iter_1000.pth', 'last_checkpoint', 'survey.pth', 'a.log'):
        (folder / name).touch()
    work_dir = WorkDir(tmp_path)
    assert [path.name for path in work_dir.training_checkpoints(1)] == [
        'iter_1000.pth', 'iter_90.pth'
    ]  # fmt: skip
    work_dir.remove_training_checkpoints(1)
    assert sorted(path.name for path in folder.iterdir()) == ['a.log', 'survey.pth']
    work_dir.remove_training_checkpoints(0)


# --- and nobody else spells them ----------------------------------------------------------------


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Strings of a module with their lines: no docstrings, and no words for a terminal.

    An f-string is one text, with ``{}`` for what is filled in.
    """
    tree = ast.parse(path.read_text(encoding='utf-8'))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else '{}' for v in node.values]
            skipped.update(map(id, node.values))
            yield node.lineno, ''.join(parts)
        elif _is_for_reading(node):
            skipped.update(map(id, ast.walk(node)))
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in skipped:
            yield node.lineno, node.value


def _is_for_reading(node: ast.AST) -> bool:
    """Whether it is a docstring, or a help text of a command."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == 'EPILOG'
    return isinstance(node, ast.keyword) and node.arg == 'help'


def spelt(path: Path) -> list[str]:
    return [f'{path.name}:{line}: {text!r}' for line, text in texts(path) if SPELT.search(text)]


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_spells_a_file_name(path):
    if path != HOME:
        assert spelt(path) == []


def test_the_search_finds_every_way_to_spell_one(tmp_path):
    path = tmp_path / 'module.py'
    path.write_text(
        '"""step_0.pth, iter_1.pth"""\n'
        'EPILOG = "step_1.pth"\n'
        "parser.add_argument('x', help='results.json')\n"
        "text = 'step_T.pth, written by training; step_by step.py'\n"
        "a = f'step_{t}.pth'\n"
        "b = 'step_{}.py'.format(t)\n"
        "c = folder / 'results.json'\n"
        "d = folder.glob('iter_*.pth')\n"
        "e = 'last_checkpoint', 'progress.json'\n"
        "f = f'step_{t + 1:02d}' '.pth'\n"
        'def g():\n    """iter_"""\n    return "step_*.pth"\n'
    )
    lines = [int(found.split(':')[1]) for found in spelt(path)]
    assert sorted(lines) == [5, 6, 7, 8, 9, 9, 10, 13]
    assert spelt(HOME)
