"""SSUL as its config puts it together."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import PixelData
from mmseg.registry import DATASETS, MODELS, TASK_UTILS
from mmseg.structures import SegDataSample
from PIL import Image
from reference import method_inputs
from reference.method_values import theirs
from tiny import ROOT, tiny_sequence

from mmseg_incremental.errors import InputError
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.labelled_batch import LabelledBatch


def config(name='ssul'):
    return Config.fromfile(ROOT / f'configs/_base_/methods/{name}.py').method


@pytest.mark.parametrize(
    ('first', 'values'),
    [
        (False, (6.4815671765081815, 0.251537446285077)),
        (True, (6.424878910438425, None)),
    ],
)
def test_labels_and_loss_of_the_authors_code(first, values):
    """Saliency maps come as marked labels; without old logits no pseudo-labels are made."""
    part = method_inputs.build('shown')['ssul']
    old, new = part['K'], part['Ct']
    channels = Channels(0 if first else old, old + new if first else new, extra=('unknown',))
    marked = torch.where((part['y'] == 0) & part['sal'], channels.num_classes, part['y'])
    targets = TASK_UTILS.build({**config().targets, 'saliency': 'maps'})
    old_logits = None if first else part['zo'].roll(-1, 1)
    labels, weight = targets(LabelledBatch(marked, old_logits, channels))
    assert weight is None
    if not first:
        expected = [[0, 4, 3, 5, 6], [2, 255, 1, 1, 0], [5, 3, 3, 6, 2], [0, 1, 5, 0, 255]]
        assert theirs(labels, channels.num_classes)[0].tolist() == expected
    logits = part['z'].roll(-1, 1).requires_grad_()
    loss = MODELS.build(config().loss)(logits, labels)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss.item() == pytest.approx(values[0], rel=1e-9)
    if values[1]:
        assert gradient.norm().item() == pytest.approx(values[1], rel=1e-9)


def test_unknown_objects_are_learnt_at_every_step():
    targets = TASK_UTILS.build(config().targets)
    labels = torch.tensor([[[0, 1, 255]]])
    made, _ = targets(LabelledBatch(labels, None, Channels(0, 3, ('unknown',))))
    assert made.tolist() == [[[3, 1, 255]]]


@pytest.fixture
def sequence(shapes: Path, tmp_path: Path):
    return tiny_sequence(shapes, tmp_path / 'ssul', 'ssul')


def test_what_learns(sequence):
    models = [MODELS.build(sequence.step(t).config.model) for t in (0, 1)]
    assert all(parameter.requires_grad for parameter in models[0].parameters())
    learning = {n for n, parameter in models[1].named_parameters() if parameter.requires_grad}
    heads = ('decode_head', 'auxiliary_head.0', 'auxiliary_head.1')
    assert learning == {
        f'{head}.conv_seg.{part}.{kind}'
        for head in heads
        for part in ('1', 'extra.unknown')
        for kind in ('weight', 'bias')
    }


def test_step_0_learns_what_is_unknown(sequence):
    model = MODELS.build(sequence.step(0).config.model).train()
    labels = torch.zeros(1, 64, 64).long()
    samples = [SegDataSample(gt_sem_seg=PixelData(data=labels)) for _ in range(2)]
    model.loss(torch.randn(2, 3, 64, 64), samples)['decode.loss_bce'].backward()
    classifier = model.decode_head.conv_seg
    assert classifier.extra['unknown'].bias.grad < 0, 'the unknown class is what is there'
    assert (classifier[0].bias.grad > 0).all()
    assert samples[0].gt_sem_seg.data.max() == 0


def test_saliency_maps_reach_the_labels(shapes: Path, tmp_path: Path):
    maps = tmp_path / 'maps'
    maps.mkdir()
    for path in (shapes / 'SegmentationClass').glob('*.png'):
        size = np.array(Image.open(path)).shape
        salient = np.zeros(size, dtype=np.uint8)
        salient[:, ::2] = 255
        Image.fromarray(salient).save(maps / path.name)
    changes = {'method.targets.saliency': str(maps)}
    for step in (0, 1):
        sequence = tiny_sequence(shapes, tmp_path / 'ssul', 'ssul', **changes)
        assert sequence.method.needs_old_model(step) is bool(step)
        data = DATASETS.build(sequence.step(step).config.train_dataloader.dataset)
        values = {
            int(v) for k in range(4) for v in data[k]['data_samples'].gt_sem_seg.data.unique()
        }
        channels = sequence.method.channels(sequence.task, step)
        assert channels.num_classes in values
        assert values <= {0, 255, channels.num_classes, *range(channels.num_old, channels.total)}


def test_without_the_channel_it_is_refused(shapes: Path, tmp_path: Path):
    sequence = tiny_sequence(shapes, tmp_path, 'ssul', **{'method.extra_channels': None})
    with pytest.raises(InputError, match="classifier_init is 'unknown', which copies a channel"):
        sequence.step(0).config  # noqa: B018  built when it is asked for
