"""The plain config within a checkpoint, read without running anything."""

import shutil

import pytest
import torch
from mmengine.config import Config
from tiny import tiny_sequence

from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import CheckpointError, load_checkpoint, plain_config
from mmseg_incremental.sequence.finished_step import read_finished_step
from mmseg_incremental.sequence.stored_config import (
    PLAIN_CONFIG,
    as_data,
    read_literal_config,
    stored_config,
)

TRAP = 'import pathlib\npathlib.Path({!r}).touch()\n'
HEAD = dict(type='FCNHead', num_classes=3)


def checkpoint(model):
    return {'meta': {PLAIN_CONFIG: {'model': model}}}


def test_step_holds_its_plain_config(shapes, trained):
    content = load_checkpoint(trained / 'step_1.pth')
    stored = stored_config(content, 'step_1.pth')
    plain = plain_config(tiny_sequence(shapes, trained).step(1))
    executed = Config.fromfile(trained / 'step_1.py')
    assert stored.to_dict() == read_literal_config(trained / 'step_1.py').to_dict()
    for config in (plain, executed):
        config.model.backbone.backbone_cfg.pop('init_cfg')
        assert stored.to_dict() == as_data(config)


def test_reading_a_folder_runs_nothing_in_it(trained, tmp_path):
    folder, proof = tmp_path / 'theirs', tmp_path / 'pwned'
    folder.mkdir()
    shutil.copy(trained / 'step_0.pth', folder)
    source = (trained / 'step_0.py').read_text()
    (folder / 'step_0.py').write_text(TRAP.format(str(proof)) + source)
    assert read_finished_step(folder / 'step_0.pth').config.model.type == 'EncoderDecoder'
    content = load_checkpoint(folder / 'step_0.pth')
    del content['meta'][PLAIN_CONFIG]
    torch.save(content, folder / 'step_0.pth')
    with pytest.raises(InputError, match=r'step_0\.py: not the plain config .*line 1'):
        read_finished_step(folder / 'step_0.pth')
    assert not proof.exists()


def test_older_checkpoint_takes_the_file_beside_it(trained, tmp_path):
    content = load_checkpoint(trained / 'step_0.pth')
    del content['meta'][PLAIN_CONFIG]
    torch.save(content, tmp_path / 'step_0.pth')
    with pytest.raises(InputError, match=r'step_0\.py: config not found'):
        read_finished_step(tmp_path / 'step_0.pth')
    shutil.copy(trained / 'step_0.py', tmp_path)
    read_finished_step(tmp_path / 'step_0.pth').build()


@pytest.mark.parametrize(
    'kind',
    [
        'os.system',
        'subprocess.Popen',
        'mmseg.apis.inference.os.system',
        'mmcv.imwrite',
        'mmengine.fileio.put',
        'nowhere.Head',
        'NoSuchHead',
        3,
        None,
    ],
)
def test_types_that_are_no_networks_are_refused(kind):
    for model in (dict(type=kind), dict(type='EncoderDecoder', neck=[dict(act=dict(type=kind))])):
        with pytest.raises(CheckpointError, match=r'x: refused, since its config names'):
            stored_config(checkpoint(model), 'x')


@pytest.mark.parametrize('kind', ['FCNHead', 'mmseg.FCNHead', 'mmpretrain.ResNet', 'BN', 'ReLU'])
def test_registered_networks_are_taken(kind):
    assert stored_config(checkpoint(dict(type=kind)), 'x').model.type == kind


def test_parts_of_our_methods_are_taken_and_others_are_not():
    model = dict(type='IncrementalEncoderDecoder', link=dict(type='UnknownAsBackground'))
    assert stored_config(checkpoint(model), 'x').model.link.type == 'UnknownAsBackground'
    model['link'] = dict(type='ClassBalancedMemory')
    with pytest.raises(CheckpointError, match="names 'ClassBalancedMemory'"):
        stored_config(checkpoint(model), 'x')


def test_weights_to_begin_with_are_left_out():
    backbone = dict(type='ResNet', init_cfg=dict(type='Pretrained', checkpoint='x'), pretrained='y')
    model = dict(type='EncoderDecoder', backbone=backbone, decode_head=HEAD)
    assert stored_config(checkpoint(model), 'x').model.backbone.to_dict() == dict(type='ResNet')
    with pytest.raises(CheckpointError, match='trust_remote_code'):
        stored_config(checkpoint(dict(trust_remote_code=True)), 'x')


@pytest.mark.parametrize('entry', [3, [1], 'model'])
def test_entry_that_is_no_config_is_refused(entry):
    with pytest.raises(CheckpointError, match='its config is no mapping'):
        stored_config({'meta': {PLAIN_CONFIG: entry}}, 'x')


@pytest.mark.parametrize(
    'text',
    [
        'import os',
        'a = open("x")',
        'a = __import__("os").system("true")',
        'a = dict(**dict(b=1))',
        'a = dict([(1, 2)])',
        'a = [x for x in (1, 2)]',
        'a = (',
        'a = ' + '(' * 500 + ')' * 500,
        'a = "\0"',
    ],
)
def test_file_of_more_than_literals_is_refused(text, tmp_path):
    (tmp_path / 'step_0.py').write_text(text)
    with pytest.raises(InputError, match=r'step_0\.py: not the plain config of a step'):
        read_literal_config(tmp_path / 'step_0.py')
