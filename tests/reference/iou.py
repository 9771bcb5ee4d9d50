"""Mean IoU per class group in slow loops over pixels, written from the definition."""

import math


def _mean(values):
    known = [value for value in values if not math.isnan(value)]
    return math.fsum(known) / len(known) if known else math.nan


def group_iou(labels, predictions, names, groups, background_groups, ignore_index=255):
    """All percentages of a list of label maps and a list of prediction maps."""
    both, either = [0] * len(names), [0] * len(names)
    correct = counted = 0
    for label_map, predicted_map in zip(labels, predictions, strict=True):
        for label, predicted in zip(label_map.flat, predicted_map.flat, strict=True):
            if label == ignore_index:
                continue
            counted += 1
            correct += label == predicted
            for channel in range(len(names)):
                both[channel] += label == channel and predicted == channel
                either[channel] += label == channel or predicted == channel
    iou = [100 * b / e if e else math.nan for b, e in zip(both, either, strict=True)]
    values = {f'mIoU/{g}': _mean([iou[c] for c in groups[g]]) for g in groups}
    values |= {
        f'mIoU_bg/{g}': _mean([iou[c] for c in background_groups[g]]) for g in background_groups
    }
    values |= {f'IoU/{name}': value for name, value in zip(names, iou, strict=True)}
    values['aAcc'] = 100 * correct / counted if counted else math.nan
    return values
