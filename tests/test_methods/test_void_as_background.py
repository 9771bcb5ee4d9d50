import torch
from mmseg.registry import TASK_UTILS

from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.labelled_batch import LabelledBatch


def test_void_becomes_background_and_nothing_else_changes():
    labels = torch.tensor([[[0, 1, 254, 255]]])
    part = TASK_UTILS.build(dict(type='VoidAsBackground'))
    for ignore_index, expected in ((255, [0, 1, 254, 0]), (254, [0, 1, 0, 255])):
        batch = LabelledBatch(labels, None, Channels(0, 2), ignore_index=ignore_index)
        made, weight = part(batch)
        assert made.tolist() == [[expected]]
        assert weight is None
    assert labels.tolist() == [[[0, 1, 254, 255]]]
