"""Parts of a config chosen by name."""

from pathlib import Path

import pytest
from mmengine.config import Config
from tiny import OPTIONS, ROOT, cfg_options, command_main, leaf

from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import load_sequence
from mmseg_incremental.sequence.config_groups import GROUPS

CONFIGS = ROOT / 'configs'
BASES = CONFIGS / '_base_'
DEMO = Path(leaf())
MIB = CONFIGS / 'bisenet_r101_voc_15-5s_mib.py'
FILES = [
    pytest.param(group, path, id=f'{group}={path.stem}')
    for group, entry in GROUPS.items()
    for path in sorted((BASES / entry.folder).glob('*.py'))
]


def write_leaf(path, text, *bases):
    """A leaf on some bases, each a path or the name of a file in ``_base_``."""
    names = [str(base if isinstance(base, Path) else BASES / f'{base}.py') for base in bases]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'_base_ = {(names[0] if len(names) == 1 else names)!r}\n{text}\n')
    return path


@pytest.mark.parametrize(('group', 'path'), FILES)
def test_every_file_can_be_chosen(group, path):
    """The whole config is that of a leaf with this file among its bases."""
    sequence = load_sequence(DEMO, {group: path.stem}, 'work')
    assert sequence.choices[group] == path.stem
    chosen, wanted = sequence.cfg, Config.fromfile(path)
    for key in set(wanted) - {'model', 'backbone_weights'}:  # the model is completed, see below
        assert chosen[key] == wanted[key], key
    if 'model' in wanted:
        assert chosen.model.backbone.type == wanted.model.backbone.type
        assert chosen.model.decode_head.type == wanted.model.decode_head.type


def test_all_groups_at_once():
    chosen = dict(
        model='bisenet_r50', dataset='voc_augmented', task='voc_10-5', method='fuce', schedule='mib'
    )
    sequence = load_sequence(DEMO, {**chosen, 'batch_size': 3})
    assert sequence.choices == chosen
    cfg = sequence.cfg
    assert cfg.model.backbone.backbone_cfg.depth == 50
    assert 'RandomRotate' in [t.type for t in cfg.train_dataloader.dataset.pipeline]
    assert (sequence.task.dataset, sequence.task.name) == ('voc', '10-5')
    assert sequence.method.name == 'FUCE'
    assert cfg.optim_wrapper.optimizer.nesterov is True
    assert cfg.batch_size == 3, 'other options come on top of what is chosen'
    # what the leaf says about none of the groups stays
    assert cfg.backbone_weights is None
    assert cfg.default_hooks.checkpoint.interval == 50
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2


def test_choosing_what_a_leaf_has_gives_the_base_without_its_changes():
    own, chosen = load_sequence(DEMO), load_sequence(DEMO, {'method': 'mib'})
    assert own.method.config.distillation[0].loss_weight == 10
    assert chosen.method.config.distillation[0].loss_weight == 100
    assert own.choices == chosen.choices


CHANGES = """
method = dict(name='Mine', classifier_init='random')
task = dict(name='10-5')
step_schedule = dict(first=dict(lr=0.5))
batch_size = 7
taps = dict(x=['backbone'])
model = dict(decode_head=dict(dropout_ratio=0.5))
train_dataloader = dict(num_workers=3)
setting = 'disjoint'
custom_hooks = [dict(type='EMAHook')]
"""


@pytest.mark.parametrize('on_a_leaf', [True, False])
@pytest.mark.parametrize('group', GROUPS)
def test_changes_of_the_replaced_part_go_and_others_stay(group, on_a_leaf, tmp_path):
    bases = [MIB] if on_a_leaf else [
        'models/bisenet_r101', 'datasets/voc', 'tasks/voc_15-5s', 'methods/mib',
        'schedules/paper_r101', 'default_runtime',
    ]  # fmt: skip
    path = write_leaf(tmp_path / 'deep' / 'folder' / 'mine.py', CHANGES, *bases)
    same = load_sequence(MIB).choices[group]
    cfg = load_sequence(path, {group: same}).cfg
    found = {
        'method': cfg.method.name != 'MiB',
        'task': cfg.task.name != '15-5s',
        'schedule': cfg.step_schedule.first.lr != 2.5e-2,
        'model': cfg.model.decode_head.dropout_ratio != 0 or 'x' in cfg.get('taps', {}),
        'dataset': cfg.train_dataloader.num_workers != 4,
    }
    assert found == {name: name != group for name in GROUPS}
    assert (cfg.batch_size != 7) == (group == 'schedule')
    assert cfg.setting == 'disjoint'
    assert cfg.custom_hooks == [dict(type='EMAHook')]
    assert cfg.work_dir == 'work_dirs/mine'


def test_leaf_on_a_leaf_on_a_leaf(tmp_path):
    write_leaf(
        tmp_path / 'a' / 'middle.py', "method = dict(name='Middle')\nsetting = 'disjoint'", DEMO
    )
    top = tmp_path / 'b' / 'top.py'
    top.parent.mkdir()
    top.write_text("_base_ = ['../a/middle.py']\nmethod = dict(classifier_init='random')\n")
    plain = load_sequence(top)
    assert plain.method.name == 'Middle'
    assert plain.choices == load_sequence(DEMO).choices
    sequence = load_sequence(top, {'method': 'lwf', 'model': 'bisenet_r50'})
    assert sequence.method.config == Config.fromfile(BASES / 'methods' / 'lwf.py').method
    assert sequence.cfg.model.backbone.backbone_cfg.depth == 50
    assert sequence.setting == 'disjoint'
    assert sequence.cfg.default_hooks.checkpoint.interval == 50
    assert sequence.choices == {**plain.choices, 'method': 'lwf', 'model': 'bisenet_r50'}


def test_leaf_that_brings_its_own_part_can_choose_another(tmp_path):
    """No base of the group is inherited, so that the file is looked for beside the others."""
    path = write_leaf(
        tmp_path / 'mine.py',
        "method = dict(name='Mine', loss=dict(type='CrossEntropyLoss'), distillation=[],\n"
        "              classifier_init='random')",
        'models/bisenet_r18', 'datasets/shapes', 'tasks/shapes_4-1', 'schedules/demo',
        'default_runtime',
    )  # fmt: skip
    own = load_sequence(path)
    assert own.method.name == 'Mine'
    assert 'method' not in own.choices
    chosen = load_sequence(path, {'method': 'mib'})
    assert chosen.method.name == 'MiB'
    assert chosen.choices['method'] == 'mib'


def test_files_of_the_user_beside_the_leaf_can_be_chosen(tmp_path):
    own = tmp_path / '_base_' / 'methods'
    own.mkdir(parents=True)
    (own / 'mine.py').write_text((BASES / 'methods' / 'ft.py').read_text().replace('FT', 'Mine'))
    (own / 'other.py').write_text((BASES / 'methods' / 'ft.py').read_text())
    path = write_leaf(
        tmp_path / 'leaf.py', '', 'models/bisenet_r18', 'datasets/shapes', 'tasks/shapes_4-1',
        own / 'other.py', 'schedules/demo', 'default_runtime',
    )  # fmt: skip
    assert load_sequence(path, {'method': 'mine'}).method.name == 'Mine'
    with pytest.raises(InputError, match=r'known names: mine, other'):
        load_sequence(path, {'method': 'mib'})


@pytest.mark.parametrize('group', GROUPS)
@pytest.mark.parametrize('name', ['mibb', '', '../tasks/voc_15-5', 'mib.py'])
def test_unknown_name_lists_the_known_ones(group, name):
    known = sorted(path.stem for path in (BASES / GROUPS[group].folder).glob('*.py'))
    with pytest.raises(InputError) as caught:
        load_sequence(DEMO, {group: name})
    message = str(caught.value)
    assert message.startswith(f'unknown {group} {name!r}; ')
    assert ', '.join(known) in message
    assert '\n' not in message


def test_leaf_is_left_alone_and_no_copy_stays(tmp_path, monkeypatch):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    before = DEMO.read_text()
    load_sequence(DEMO, {'method': 'lwf'})
    assert DEMO.read_text() == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    'options', [{}, {'method': 'lwf', 'schedule': 'small_cpu'}], ids=['leaf', 'chosen']
)
def test_dry_run_tells_what_was_chosen(options, shapes, tmp_path, capsys):
    arguments = [leaf(), '--dry-run', '--work-dir', tmp_path / 'work']
    small = {key: OPTIONS[key] for key in ('batch_size', 'crop_size')}
    command_main('train')([*arguments, *cfg_options(shapes, **options, **small)])
    shown = ' '.join(capsys.readouterr().out.split())
    expected = {
        'model': 'bisenet_r18', 'dataset': 'shapes', 'task': 'shapes_4-1', 'method': 'mib',
        'schedule': 'demo', **options,
    }  # fmt: skip
    for group, name in expected.items():
        assert f'{group} {name}' in shown


@pytest.mark.parametrize('choices', [{}, {'method': 'plop'}], ids=str)
def test_bases_may_be_configs_of_the_package(tmp_path, monkeypatch, choices):
    monkeypatch.chdir(tmp_path)
    path = write_leaf(tmp_path / 'mine.py', 'batch_size = 3', Path(DEMO.name))
    sequence, shipped = load_sequence(path, choices), load_sequence(DEMO, choices)
    assert sequence.cfg.batch_size == 3
    assert (sequence.choices, sequence.method) == (shipped.choices, shipped.method)
    sequence.cfg.batch_size, sequence.cfg.work_dir = shipped.cfg.batch_size, shipped.cfg.work_dir
    assert sequence.cfg.to_dict() == shipped.cfg.to_dict()


def test_parts_of_a_users_config_may_have_bases_of_the_package(tmp_path):
    part = tmp_path / '_base_' / 'schedules' / 'short.py'
    write_leaf(part, 'batch_size = 3', Path('_base_/schedules/demo.py'))
    names = [f'_base_/{n}.py' for n in ('models/bisenet_r18', 'datasets/shapes', 'tasks/shapes_4-1',
                                         'methods/mib', 'default_runtime')]  # fmt: skip
    path = write_leaf(tmp_path / 'mine.py', '', *map(Path, names), part)
    sequence = load_sequence(path)
    assert sequence.choices['schedule'] == 'short'
    assert sequence.cfg.batch_size == 3
    assert sequence.schedules == load_sequence(DEMO).schedules


def test_base_that_is_nowhere(tmp_path):
    path = write_leaf(tmp_path / 'mine.py', '', Path(DEMO.name.replace('shapes', 'shape')))
    with pytest.raises(InputError, match=f'mine.py: its base .*; did you mean {DEMO.stem}'):
        load_sequence(path)


def test_unknown_name_is_one_line_of_the_tool(shapes):
    arguments = [leaf(), '--dry-run', *cfg_options(shapes, method='plopp')]
    said = r"^error: unknown method 'plopp'; did you mean plop [^\n]*names: [^\n]*lwf[^\n]*$"
    with pytest.raises(SystemExit, match=said):
        command_main('train')(arguments)
