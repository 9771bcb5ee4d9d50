"""From predictions and labels to the counts behind mean IoU."""

import torch
from mmengine.structures import PixelData
from mmseg.evaluation import IoUMetric
from mmseg.structures import SegDataSample

from benchmarks.harness import Result, compare, device
from mmseg_incremental.evaluation import ClassGroupIoUMetric

NUM, SIZE = 8, (375, 500)


def measure(rounds: int) -> list[Result]:
    """Pictures of 375x500 pixels, 21 and 151 classes."""
    results = []
    for num_classes in (21, 151):
        samples = _samples(num_classes)
        channels = list(range(num_classes))
        own = ClassGroupIoUMetric({'all': channels[1:]}, {'all': channels}, prefix='own')
        plain = IoUMetric(prefix='plain')
        for metric in (own, plain):
            metric.dataset_meta = dict(classes=[str(c) for c in channels])

        def ours(own: ClassGroupIoUMetric = own, samples: list = samples) -> None:
            own.process(None, samples)

        def reference(plain: IoUMetric = plain, samples: list = samples) -> None:
            plain.results.clear()
            plain.process(None, samples)

        ours(), reference()
        hits, union = (sum(areas) for areas in list(zip(*plain.results, strict=True))[:2])
        found = own.evaluate(NUM)['mIoU_bg/all'], 100 * (hits / union).mean().item()
        if abs(found[0] / found[1] - 1) > 1e-5:  # mmseg counts in float32
            raise AssertionError(f'mean IoU {found[0]} and {found[1]}')
        name = f'{NUM} pictures of {SIZE[0]}x{SIZE[1]}, {num_classes} classes'
        results.append(compare(name, ours, reference, rounds))
    return results


def _samples(num_classes: int) -> list[dict]:
    generator = torch.Generator().manual_seed(0)
    samples = []
    for _ in range(NUM):
        label = torch.randint(0, num_classes, (1, *SIZE), generator=generator)
        predicted = label.clone()
        wrong = torch.rand(label.shape, generator=generator) < 0.3
        predicted[wrong] = torch.randint(0, num_classes, (int(wrong.sum()),), generator=generator)
        label[:, :9] = 255
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=label.to(device())),
            pred_sem_seg=PixelData(data=predicted.to(device())),
        )
        samples.append(sample.to_dict())
    return samples
