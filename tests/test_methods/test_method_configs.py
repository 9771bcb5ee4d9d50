from pathlib import Path

import pytest
from mmengine.config import Config
from mmseg.registry import TASK_UTILS

import mmseg_incremental.methods  # noqa: F401  registers the parts

FILES = sorted((Path(__file__).parents[2] / 'configs/_base_/methods').glob('*.py'))
SINGLE = {'targets', 'survey', 'link', 'extra_channels', 'importance', 'memory'}
LISTS = {'structure', 'trainable', 'after_step'}


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_every_part_of_a_method_can_be_built(path):
    method = Config.fromfile(path).method
    parts = [method[key] for key in SINGLE & set(method)]
    parts += [config for key in LISTS & set(method) for config in method[key]]
    parts += [init for init in [method.classifier_init] if not isinstance(init, str)]
    for config in parts:
        config.pop('when', None)  # the step at which it acts, no argument of the part
        assert TASK_UTILS.build(config) is not None
    # targets that read statistics need the survey that finds them
    if method.get('targets', {}).get('type') == 'EntropyPseudoLabels':
        assert method.survey.type == 'EntropyThresholds'
