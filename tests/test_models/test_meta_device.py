"""One training iteration of grown models as on a GPU, see ``meta_device``."""

import pytest
import torch
from meta_device import meta_batch, rehearse, to_meta
from mmseg.registry import MODELS
from tiny_heads import GROWING, SIZES, model_config

from mmseg_incremental.models import grow_head

pytestmark = pytest.mark.filterwarnings('ignore')


def build(name, classes_per_step=(5, 1)):
    cfg = model_config(name)
    cfg.decode_head.num_classes = 2
    model = MODELS.build(cfg)
    grow_head(model.decode_head, classes_per_step, {'unknown': 1})
    return model


@pytest.mark.parametrize('name', sorted(GROWING))
def test_an_iteration_reads_no_value_from_the_device(name):
    model = to_meta(build(name))
    losses = rehearse(model, *meta_batch(size=SIZES.get(name, 64)))
    assert all(value.is_meta for value in losses.values())
    for conv in (*model.decode_head.conv_seg, model.decode_head.conv_seg.extra['unknown']):
        assert conv.weight.grad.is_meta


def reads_a_value(_module, _inputs, output):
    return output * float(output.mean())


def branches_on_a_value(_module, _inputs, output):
    return output if (output > 0).any() else -output


def mixes_devices(_module, _inputs, output):
    return output + torch.ones(output.shape)


def goes_by_numpy(_module, _inputs, output):
    return output * output.detach().numpy().mean()


@pytest.mark.parametrize(
    'fault', [reads_a_value, branches_on_a_value, mixes_devices, goes_by_numpy]
)
def test_faults_that_only_a_gpu_would_show_are_seen(fault):
    model = to_meta(build('FCNHead'))
    model.backbone.layer1.register_forward_hook(fault)
    with pytest.raises((RuntimeError, NotImplementedError, TypeError)):
        rehearse(model, *meta_batch())
