import pytest
import torch
from mmseg.registry import TASK_UTILS
from toy_segmentor import ToySegmentor

CLASSIFIER = 'decode_head.conv_seg'


def frozen_names(model):
    return {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


@pytest.mark.parametrize('extra', [{}, {'unknown': 1}])
@pytest.mark.parametrize('sizes', [[3, 2], [3, 1, 2], [3] + 10 * [1]])
def test_all_but_the_last_step_are_frozen(sizes, extra):
    model = ToySegmentor(sizes, extra)
    part = TASK_UTILS.build(dict(type='FreezeOldClassifiers'))
    part.apply(model)
    old = range(len(sizes) - 1)
    assert frozen_names(model) == {
        f'{CLASSIFIER}.{step}.{kind}' for step in old for kind in ('weight', 'bias')
    }


def test_at_step_0_nothing_is_frozen():
    model = ToySegmentor([3])
    TASK_UTILS.build(dict(type='FreezeOldClassifiers')).apply(model)
    assert frozen_names(model) == set()


def test_the_old_classifiers_keep_their_weights_in_training():
    torch.manual_seed(0)
    model = ToySegmentor([3, 2])
    part = TASK_UTILS.build(dict(type='FreezeOldClassifiers'))
    part.apply(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    part.set_mode(model)
    assert all(module.training for module in model.modules())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    model(torch.randn(2, 3, 6, 6)).square().sum().backward()
    optimizer.step()
    for kind in ('weight', 'bias'):
        rows = model.state_dict()[f'{CLASSIFIER}.{kind}'] == before[f'{CLASSIFIER}.{kind}']
        assert rows[:3].all()
        assert not rows[3:].all(dim=0).any()
    assert not torch.equal(model.state_dict()['backbone.0.weight'], before['backbone.0.weight'])
