import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.evaluation.metrics import IoUMetric
from mmseg.registry import METRICS
from mmseg.structures import SegDataSample
from reference.iou import group_iou
from torch import distributed
from torch.multiprocessing import start_processes

NAMES = ['background', 'a', 'b', 'c', 'd']
GROUPS = {'1-3': [1, 2, 3], '4': [4], 'all': [1, 2, 3, 4]}
BACKGROUND_GROUPS = {'0-3': [0, 1, 2, 3], '4': [4], 'all': [0, 1, 2, 3, 4]}


def build(names=NAMES, groups=GROUPS, background_groups=BACKGROUND_GROUPS, **kwargs):
    metric = METRICS.build(
        dict(
            type='ClassGroupIoUMetric',
            groups=groups,
            background_groups=background_groups,
            **kwargs,
        )
    )
    metric.dataset_meta = dict(classes=tuple(names))
    return metric


def sample(label, predicted):
    return dict(
        gt_sem_seg=dict(data=torch.as_tensor(label)[None]),
        pred_sem_seg=dict(data=torch.as_tensor(predicted)[None]),
    )


def measure(labels, predictions, **kwargs):
    metric = build(**kwargs)
    for pair in zip(labels, predictions, strict=True):
        metric.process(None, [sample(*pair)])
    return metric.evaluate(len(labels))


def random_maps(seed, number=4, channels=range(5), void=0.2):
    """Pictures of different sizes; a part of the labels is void, most predictions are right."""
    rng = np.random.default_rng(seed)
    labels, predictions = [], []
    for _ in range(number):
        size = rng.integers(3, 12, 2)
        label = rng.choice(list(channels), size)
        predicted = np.where(rng.random(size) < 0.6, label, rng.choice(list(channels), size))
        label[rng.random(size) < void] = 255
        labels.append(label)
        predictions.append(predicted)
    return labels, predictions


def assert_equal(result, expected):
    assert list(result) == list(expected)
    for name in expected:
        assert result[name] == pytest.approx(expected[name], rel=1e-12, nan_ok=True), name


def test_hand_computed():
    label = [[0, 0, 1, 1], [2, 2, 255, 4], [3, 0, 255, 4]]
    predicted = [[0, 1, 1, 2], [2, 2, 2, 4], [0, 0, 0, 3]]
    result = measure([label], [predicted])
    # intersection / union: background 2/4, a 1/3, b 2/3, c 0/2, d 1/2; 6 of 10 pixels are right
    expected = {
        'mIoU/1-3': 100 * (1 / 3 + 2 / 3 + 0) / 3,
        'mIoU/4': 50,
        'mIoU/all': 100 * (1 / 3 + 2 / 3 + 0 + 1 / 2) / 4,
        'mIoU_bg/0-3': 100 * (1 / 2 + 1 / 3 + 2 / 3 + 0) / 4,
        'mIoU_bg/4': 50,
        'mIoU_bg/all': 100 * (1 / 2 + 1 / 3 + 2 / 3 + 0 + 1 / 2) / 5,
        'IoU/background': 50,
        'IoU/a': 100 / 3,
        'IoU/b': 200 / 3,
        'IoU/c': 0,
        'IoU/d': 50,
        'aAcc': 60,
    }
    assert_equal(result, expected)


@pytest.mark.parametrize('seed', range(6))
def test_equals_the_slow_reference(seed):
    labels, predictions = random_maps(seed)
    expected = group_iou(labels, predictions, NAMES, GROUPS, BACKGROUND_GROUPS)
    assert_equal(measure(labels, predictions), expected)


@pytest.mark.parametrize('absent', [0, 2, 4])
def test_absent_class_has_no_value_and_does_not_weigh(absent):
    present = [channel for channel in range(5) if channel != absent]
    labels, predictions = random_maps(1, channels=present)
    result = measure(labels, predictions)
    expected = group_iou(labels, predictions, NAMES, GROUPS, BACKGROUND_GROUPS)
    assert math.isnan(result[f'IoU/{NAMES[absent]}'])
    assert_equal(result, expected)
    kept = [result[f'IoU/{NAMES[c]}'] for c in present]
    assert result['mIoU_bg/all'] == pytest.approx(sum(kept) / 4)
    assert math.isnan(result['mIoU/4']) == (absent == 4)


def test_class_that_is_only_predicted_or_only_labelled_counts_as_0():
    assert measure([[[0, 0]]], [[[0, 1]]])['IoU/a'] == 0
    assert measure([[[0, 1]]], [[[0, 0]]])['IoU/a'] == 0


def test_prediction_on_void_does_not_count():
    result = measure([[[0, 255, 255]]], [[[0, 3, 200]]])
    assert result['IoU/background'] == 100
    assert math.isnan(result['IoU/c'])
    assert result['aAcc'] == 100


def test_other_ignore_index():
    result = measure([[[0, 4, 1]]], [[[0, 1, 1]]], ignore_index=4)
    assert result['IoU/a'] == 100
    with pytest.raises(ValueError, match='outside the 5 classes'):
        measure([[[0, 255]]], [[[0, 0]]], ignore_index=4)


def test_groups_recombine_to_all():
    result = measure(*random_maps(2))
    recombined = (3 * result['mIoU/1-3'] + result['mIoU/4']) / 4
    assert result['mIoU/all'] == pytest.approx(recombined, rel=1e-12)
    recombined = (4 * result['mIoU_bg/0-3'] + result['mIoU_bg/4']) / 5
    assert result['mIoU_bg/all'] == pytest.approx(recombined, rel=1e-12)
    with_background = (4 * result['mIoU/all'] + result['IoU/background']) / 5
    assert result['mIoU_bg/all'] == pytest.approx(with_background, rel=1e-12)


@pytest.mark.parametrize('batch_size', [1, 2, 7])
def test_order_and_batches_do_not_matter(batch_size):
    pairs = list(zip(*random_maps(3, number=7), strict=True))
    expected = measure(*zip(*pairs, strict=True))
    metric = build()
    order = np.random.default_rng(0).permutation(7)
    for start in range(0, 7, batch_size):
        metric.process(None, [sample(*pairs[i]) for i in order[start : start + batch_size]])
    assert metric.evaluate(7) == expected, 'not even in the last bit'


@pytest.mark.parametrize('label_type', [torch.uint8, torch.int16, torch.int64])
@pytest.mark.parametrize('predicted_type', [torch.uint8, torch.int32, torch.int64])
def test_pictures_of_one_call_may_differ_in_size_and_type(label_type, predicted_type):
    pairs = list(zip(*random_maps(8, number=5), strict=True))
    metric = build()
    samples = [sample(label, predicted) for label, predicted in pairs]
    for part in samples:
        part['gt_sem_seg']['data'] = part['gt_sem_seg']['data'].to(label_type)
        part['pred_sem_seg']['data'] = part['pred_sem_seg']['data'].to(predicted_type)
    metric.process(None, samples)
    expected = group_iou(*zip(*pairs, strict=True), NAMES, GROUPS, BACKGROUND_GROUPS)
    assert_equal(metric.evaluate(5), expected)


def test_pictures_are_not_changed():
    part = sample([[0, 255, 4]], [[0, 1, 2]])
    build().process(None, [part])
    assert part['gt_sem_seg']['data'].tolist() == [[[0, 255, 4]]]
    assert part['pred_sem_seg']['data'].tolist() == [[[0, 1, 2]]]


@pytest.mark.parametrize('number', [1, 21, 125, 126, 151, 255])
def test_any_number_of_classes_a_byte_can_hold(number):
    """From 126 classes on the counts need larger numbers; the last class is used."""
    names = [f'c{i}' for i in range(number)]
    groups = {'all': range(number)}
    labels, predictions = random_maps(9, number=3, channels={0, number // 2, number - 1})
    labels[0][0, 0] = predictions[0][0, 0] = number - 1
    result = measure(labels, predictions, names=names, groups=groups, background_groups=groups)
    assert_equal(result, group_iou(labels, predictions, names, groups, groups))


def test_agrees_with_the_areas_of_mmseg():
    labels, predictions = random_maps(10, number=3)
    areas = [
        IoUMetric.intersect_and_union(torch.as_tensor(p), torch.as_tensor(label), 5, 255)
        for p, label in zip(predictions, labels, strict=True)
    ]
    both, either, _, labelled = (sum(area) for area in zip(*areas, strict=True))
    result = measure(labels, predictions)
    for name, hits, union in zip(NAMES, both.tolist(), either.tolist(), strict=True):
        assert result[f'IoU/{name}'] == 100 * hits / union
    assert result['aAcc'] == 100 * both.sum().item() / labelled.sum().item()


def test_sums_over_pictures_instead_of_averaging_their_ious():
    result = measure([[[1]], [[1, 1, 1]]], [[[1]], [[0, 0, 0]]])
    assert result['IoU/a'] == 25


def test_counts_beyond_the_precision_of_float32_are_exact():
    label = torch.ones(2**22 + 1, 1, dtype=torch.uint8)
    predicted = label.clone()
    predicted[0] = 0
    metric = build()
    metric.process(None, [sample(label, predicted)] * 5)
    result = metric.evaluate(5)
    pixels = 5 * (2**22 + 1)
    assert int(np.float32(pixels)) != pixels > 2**24
    assert result['IoU/a'] == result['aAcc'] == 100 * (pixels - 5) / pixels


def test_nothing_but_void_gives_no_value_and_no_error():
    result = measure([[[255, 255]]], [[[0, 1]]])
    assert all(math.isnan(value) for value in result.values())


def test_no_picture_gives_no_value_and_no_error():
    result = build().evaluate(0)
    assert next(iter(result)) == 'mIoU/1-3'
    assert all(math.isnan(value) for value in result.values())


@pytest.mark.parametrize(
    ('label', 'predicted'),
    [
        *[(5, 0), (0, 5), (254, 0), (256, 0), (-1, 0), (0, -1), (1, -1), (2, -3), (0, 255)],
        *[(v, 0) for v in (2**8 + 1, 2**16, 2**32, -(2**16), 2**16 + 255)],  # bytes that fit
        *[(0, v) for v in (2**8 + 1, 2**16, 2**32, -(2**16), 7, 2**63 - 1)],
    ],
)
def test_label_or_prediction_outside_the_classes_is_refused(label, predicted):
    with pytest.raises(ValueError, match='outside the 5 classes'):
        measure([[[0, label]]], [[[0, predicted]]])


@pytest.mark.parametrize(('label', 'predicted'), [(5, 0), (254, 0), (0, 5), (0, 14), (0, 255)])
def test_bytes_outside_the_classes_are_refused(label, predicted):
    pixels = [torch.tensor([[0, value]], dtype=torch.uint8) for value in (label, predicted)]
    with pytest.raises(ValueError, match='outside the 5 classes'):
        build().process(None, [sample(*pixels)])


def test_the_picture_with_the_wrong_label_is_named():
    bad = dict(sample([[7]], [[0]]), img_path='JPEGImages/7.jpg')
    with pytest.raises(ValueError, match=r'JPEGImages/7\.jpg'):
        build().process(None, [bad])


@pytest.mark.parametrize('place', range(3))
def test_the_wrong_picture_of_a_batch_is_named_and_nothing_is_counted(place):
    samples = [dict(sample([[0, 1]], [[0, 2]]), img_path=f'{i}.jpg') for i in range(3)]
    samples[place]['pred_sem_seg']['data'][0, 0, 1] = 5
    metric = build()
    with pytest.raises(ValueError, match=rf'^{place}\.jpg: label or prediction outside'):
        metric.process(None, samples)
    assert all(math.isnan(value) for value in metric.evaluate(3).values())


@pytest.mark.parametrize(('row', 'column'), [(0, 1), (257, 1), (1, 0), (1, 6), (6, 1), (255, 3)])
def test_evaluating_refuses_what_was_counted_outside_the_classes(row, column):
    """As counted on an accelerator, where nothing is looked at picture by picture."""
    metric = build()
    metric.process(None, [sample([[0, 1]], [[0, 1]])])
    metric.results[0][row, column] += 1
    with pytest.raises(ValueError, match='outside the 5 classes'):
        metric.evaluate(1)


@pytest.mark.gpu
def test_on_an_accelerator():
    labels, predictions = random_maps(11)
    metric = build()
    samples = [sample(*pair) for pair in zip(labels, predictions, strict=True)]
    for part in samples:
        part['pred_sem_seg']['data'] = part['pred_sem_seg']['data'].cuda()
    metric.process(None, samples)
    assert metric.results[0].is_cuda
    assert metric.evaluate(4) == measure(labels, predictions)
    samples[1]['pred_sem_seg']['data'][0, 0, 0] = 5
    samples[1]['gt_sem_seg']['data'][0, 0, 0] = 1
    metric.process(None, samples)
    with pytest.raises(ValueError, match='outside the 5 classes'):
        metric.evaluate(4)


@pytest.mark.parametrize('ignore_index', [-1, 256])
def test_void_is_a_byte(ignore_index):
    with pytest.raises(ValueError, match='must be 0 to 255'):
        build(ignore_index=ignore_index)


@pytest.mark.parametrize('kind', ['groups', 'background_groups'])
def test_empty_group_is_refused(kind):
    with pytest.raises(ValueError, match="group 'none' has no channel"):
        build(**{kind: {'all': [1], 'none': []}})


def test_evaluating_starts_anew():
    metric = build()
    metric.process(None, [sample([[1, 1]], [[0, 0]])])
    assert metric.evaluate(1)['IoU/a'] == 0
    metric.process(None, [sample([[1, 1]], [[1, 1]])])
    assert metric.evaluate(1)['IoU/a'] == 100


def test_values_are_plain_floats_and_not_rounded():
    result = measure([[[1, 1, 1]]], [[[1, 0, 0]]])
    assert all(type(value) is float for value in result.values())
    assert result['IoU/a'] == 100 / 3


def test_runs_inside_an_evaluator_of_mmengine():
    labels, predictions = random_maps(4)
    evaluator = Evaluator(build())
    evaluator.dataset_meta = dict(classes=tuple(NAMES))
    for label, predicted in zip(labels, predictions, strict=True):
        part = SegDataSample(
            gt_sem_seg=PixelData(data=torch.as_tensor(label)[None]),
            pred_sem_seg=PixelData(data=torch.as_tensor(predicted)[None]),
        )
        evaluator.process(data_samples=[part], data_batch=None)
    expected = group_iou(labels, predictions, NAMES, GROUPS, BACKGROUND_GROUPS)
    assert_equal(evaluator.evaluate(4), expected)


def _rank(rank, folder, shares):
    distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meeting', rank=rank, world_size=len(shares)
    )
    result = measure(*shares[rank])
    Path(folder, f'{rank}.json').write_text(json.dumps(result))
    distributed.destroy_process_group()


@pytest.mark.parametrize('sizes', [(3, 2), (5, 0)])
def test_two_processes_equal_one(sizes, tmp_path):
    labels, predictions = random_maps(5, number=5)
    first = sizes[0]
    shares = [(labels[:first], predictions[:first]), (labels[first:], predictions[first:])]
    # forked, the processes do not have to import everything again
    context = start_processes(
        _rank, args=(str(tmp_path), shares), nprocs=2, join=False, start_method='fork'
    )
    try:
        # join() returns as soon as one process has ended
        assert any(context.join(timeout=20) for _ in shares)
    finally:
        for process in context.processes:
            process.kill()
    expected = measure(labels, predictions)
    for rank in range(2):
        assert json.loads((tmp_path / f'{rank}.json').read_text()) == expected
