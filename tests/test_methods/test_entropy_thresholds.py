import math

import pytest
import reference.plop as loops
import torch
from mmseg.registry import TASK_UTILS
from reference import method_inputs
from two_processes import surveyed_by_two

from mmseg_incremental.errors import InputError
from mmseg_incremental.methods.surveys.entropy_thresholds import (
    EntropyThresholds,
    histogram_thresholds,
)
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.labelled_batch import LabelledBatch

CHANNELS = Channels(3, 2, ('unknown',))
VARIANTS = ['code', 'histogram', 'paper']


def random_batch(seed, num=2, size=8):
    torch.manual_seed(seed)
    old_logits = 5 * torch.randn(num, CHANNELS.num_old + 1, size, size, dtype=torch.float64)
    labels = torch.randint(0, 3, (num, size, size)) * 2  # a third background
    return LabelledBatch(labels.masked_fill(labels == 4, 255), old_logits, CHANNELS)


def survey(threshold, *batches, channels=CHANNELS):
    part = EntropyThresholds(threshold)
    part.start(channels)
    for batch in batches:
        part.observe(batch)
    return part.finish()


def values_per_class(*batches, num_classes=None):
    """Entropies of the background pixels by predicted class, in loops."""
    values = [[] for _ in range(CHANNELS.num_classes)]
    for batch in batches:
        logits = batch.old_logits[:, :3].movedim(1, -1)[batch.labels == 0]
        for scores in logits.tolist():
            values[scores.index(max(scores))].append(loops.entropy(scores, num_classes))
    return values


def test_thresholds_by_hand():
    rows = torch.tensor([[3, 3, 4, 0], [4, 0, 0, 0], [0, 0, 0, 0]])
    # half of the first row is 5: in bin 2, before which the code adds up 0 + 1, the counts are 6
    assert histogram_thresholds(rows, cumulative=False).tolist() == pytest.approx(
        [(2 + 4 / 4) / 4, 0.5 / 4, 0.001]
    )
    assert histogram_thresholds(rows, cumulative=True).tolist() == pytest.approx(
        [(1 + 2 / 3) / 4, 0.5 / 4, 0.001]
    )


@pytest.mark.parametrize('cumulative', [False, True])
@pytest.mark.parametrize('seed', range(20))
def test_thresholds_equal_loops(seed, cumulative):
    generator = torch.Generator().manual_seed(seed)
    # as far as bin 28; the code reads bin 29 one too low
    rows = torch.zeros(4, 100, dtype=torch.long)
    rows[:, : 1 + seed] = torch.randint(0, 30, (4, 1 + seed), generator=generator)
    expected = [loops.threshold_of_histogram(row, cumulative) for row in rows.tolist()]
    ours = histogram_thresholds(rows, cumulative)
    assert ours.tolist() == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_the_code_reads_bin_29_one_too_low():
    rows = torch.zeros(1, 100, dtype=torch.long)
    rows[0, 0], rows[0, 28], rows[0, 29] = 500, 0, 1000
    missed, found = (histogram_thresholds(rows, cumulative).item() for cumulative in (False, True))
    assert missed != pytest.approx(0.29 + (750 - sum(range(29))) / 1000 / 100)
    assert found == pytest.approx(0.29 + 250 / 1000 / 100)


@pytest.mark.parametrize('threshold', VARIANTS)
def test_survey_equals_loops(threshold):
    batches = [random_batch(seed) for seed in range(3)]
    found = survey(threshold, *batches)
    values = values_per_class(*batches, num_classes=None if threshold == 'paper' else 5)
    assert found['counts'].tolist() == [len(v) for v in values]
    if threshold == 'paper':
        assert found['thresholds'].tolist() == pytest.approx(
            loops.thresholds_of_paper(values), rel=5e-4
        )
        return
    histograms = [[0] * 100 for _ in values]
    for row, numbers in zip(histograms, values, strict=True):
        for value in numbers:
            row[min(max(math.floor(100 * value), 0), 99)] += 1
    expected = [loops.threshold_of_histogram(row, threshold == 'histogram') for row in histograms]
    assert found['thresholds'].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize('name', list(method_inputs.SETS))
def test_survey_of_the_sets_is_the_exact_median(name):
    part = method_inputs.build(name)['plop_pseudo']
    labels = torch.zeros(1, *part['zc'].shape[2:], dtype=torch.long)
    channels = Channels(part['K'], part['Ct'])
    found = survey('paper', LabelledBatch(labels, part['zc'], channels), channels=channels)
    values = [[] for _ in range(part['C'])]
    for scores in part['zc'][0, :, 0].T.tolist():
        values[scores.index(max(scores))].append(loops.entropy(scores))
    assert found['thresholds'].tolist() == pytest.approx(
        loops.thresholds_of_paper(values), rel=1e-12
    )


@pytest.mark.parametrize(('low', 'high'), [(0, 2), (5, 9), (10, 14)])
def test_median_of_many_values_in_each_bin(low, high):
    margins = torch.linspace(low, high, 20001, dtype=torch.float64)
    old_logits = torch.zeros(1, 3, 1, len(margins), dtype=torch.float64)
    old_logits[0, 0, 0] = margins
    batch = LabelledBatch(torch.zeros(1, 1, len(margins)).long(), old_logits, CHANNELS)
    median = loops.entropy([(low + high) / 2, 0, 0])
    assert survey('paper', batch)['thresholds'][0].item() == pytest.approx(median, rel=5e-4)


@pytest.mark.parametrize('threshold', VARIANTS)
def test_nothing_seen_and_only_void(threshold):
    void = LabelledBatch(torch.full((1, 2, 2), 255), torch.zeros(1, 3, 2, 2), CHANNELS)
    for found in (survey(threshold), survey(threshold, void)):
        assert found['thresholds'].tolist() == [0.0 if threshold == 'paper' else 0.001] * 5
        assert found['counts'].tolist() == [0] * 5


@pytest.mark.parametrize('threshold', VARIANTS)
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(threshold, dtype):
    batch = random_batch(0)
    half = LabelledBatch(batch.labels, batch.old_logits.to(dtype), CHANNELS)
    single = LabelledBatch(batch.labels, half.old_logits.float(), CHANNELS)
    found, expected = survey(threshold, half), survey(threshold, single)
    assert torch.equal(found['thresholds'], expected['thresholds'])
    assert found['thresholds'].isfinite().all()


def test_a_certain_model_and_a_torn_one():
    certain = torch.tensor([[80.0, 0, 0], [0, 1e4, 0]]).T.reshape(1, 3, 1, 2)
    batch = LabelledBatch(torch.zeros(1, 1, 2).long(), certain, CHANNELS)
    assert survey('paper', batch)['thresholds'][:2].max() < 1e-30
    torn = LabelledBatch(torch.zeros(1, 1, 2).long(), torch.zeros(1, 3, 1, 2), CHANNELS)
    assert survey('paper', torn)['thresholds'][0].item() == pytest.approx(math.log(3), rel=1e-6)


def test_a_second_start_forgets():
    part = EntropyThresholds('paper')
    for _ in range(2):
        part.start(CHANNELS)
        part.observe(random_batch(1))
    again = part.finish()
    assert torch.equal(again['counts'], survey('paper', random_batch(1))['counts'])


def test_two_processes_find_what_one_finds(tmp_path):
    batches = [random_batch(seed) for seed in range(3)]
    configs = [dict(type='EntropyThresholds', threshold=t) for t in VARIANTS]
    first, second = surveyed_by_two(configs, CHANNELS, batches, tmp_path)
    for threshold, one, other in zip(VARIANTS, first, second, strict=True):
        alone = survey(threshold, *batches)
        for name, value in alone.items():
            assert torch.equal(one[name], other[name])
            torch.testing.assert_close(one[name], value, rtol=1e-14, atol=0)
        # the batches of one process would have given something else
        assert not torch.equal(one['counts'], survey(threshold, *batches[::2])['counts'])


def test_an_unknown_variant_is_named():
    with pytest.raises(InputError, match=r"'mean'; known are \['code', 'histogram', 'paper'\]"):
        TASK_UTILS.build(dict(type='EntropyThresholds', threshold='mean'))
