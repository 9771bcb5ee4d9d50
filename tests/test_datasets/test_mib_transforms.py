"""MiB's crops and evaluation against Pillow by hand, on real pictures."""

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image
from tiny import ROOT

from mmseg_incremental.datasets import RandomResizedCrop

CONFIG = ROOT / 'configs/_base_/datasets/voc_mib.py'


def pictures(voc_mini, number):
    names = (voc_mini / 'ImageSets/Segmentation/val.txt').read_text().split()[:number]
    for name in names:
        paths = voc_mini / f'JPEGImages/{name}.jpg', voc_mini / f'SegmentationClass/{name}.png'
        yield tuple(map(str, paths)), [np.array(Image.open(path)) for path in paths]


def load(paths):
    return dict(img_path=paths[0], seg_map_path=paths[1], seg_fields=[], reduce_zero_label=False)


def test_evaluation_is_the_short_side_resized_and_the_centre_cut_out(voc_mini):
    init_default_scope('mmseg')
    pipeline = Compose(Config.fromfile(CONFIG).test_pipeline)
    for paths, (picture, labels) in pictures(voc_mini, 8):
        found = pipeline(load(paths))
        height, width = labels.shape
        scale = 512 / min(height, width)
        size = round(width * scale), round(height * scale)
        left, top = (size[0] - 512) // 2, (size[1] - 512) // 2
        box = left, top, left + 512, top + 512
        expected = np.array(Image.fromarray(labels).resize(size, Image.NEAREST).crop(box))
        truth = found['data_samples'].gt_sem_seg.data[0].numpy()
        assert truth.shape == (512, 512)
        assert found['data_samples'].ori_shape == (512, 512)
        # Pillow and OpenCV round the nearest pixel otherwise, at borders between labels
        assert (truth == expected).mean() > 0.97
        image = Image.fromarray(picture).resize(size, Image.BILINEAR).crop(box)
        ours = found['inputs'].permute(1, 2, 0).numpy()[..., ::-1].astype(int)
        assert np.abs(ours - np.array(image)).mean() < 2


def test_crop_in_training_is_pillows_of_the_part_that_was_drawn(voc_mini):
    crop = RandomResizedCrop((96, 128))
    for seed, (_, (picture, labels)) in enumerate(pictures(voc_mini, 8)):
        results = dict(img=picture[..., ::-1], gt_seg_map=labels, seg_fields=['gt_seg_map'])
        torch.manual_seed(seed)
        top, left, height, width = crop.draw_part(*labels.shape)
        torch.manual_seed(seed)
        found = crop.transform(results)
        box = left, top, left + width, top + height
        expected = Image.fromarray(picture).crop(box).resize((128, 96), Image.BILINEAR)
        np.testing.assert_array_equal(found['img'][..., ::-1], np.array(expected))
        truth = Image.fromarray(labels).crop(box).resize((128, 96), Image.NEAREST)
        np.testing.assert_array_equal(found['gt_seg_map'], np.array(truth))
        assert found['img_shape'] == (96, 128)


def test_parts_are_half_the_picture_or_more_and_every_seventh_is_all_of_it():
    crop = RandomResizedCrop((64, 64))
    height, width = 375, 500
    torch.manual_seed(0)
    areas = []
    for _ in range(3000):
        top, left, h, w = crop.draw_part(height, width)
        assert 0 <= top <= height - h
        assert 0 <= left <= width - w
        areas.append(h * w / (height * width))
    assert min(areas) > 0.49
    assert max(areas) == 1
    assert sum(area == 1 for area in areas) / len(areas) == pytest.approx(0.14, abs=0.03)
