"""The benchmarks' references are right, and the tool says what it measured; no time is judged."""

import functools

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from benchmarks import same_results
from benchmarks.__main__ import ROWS, cells, main
from benchmarks.harness import Result, medians, peak_megabytes
from benchmarks.reference.data import class_sets, map_labels
from benchmarks.reference.mib_criterion import mib_criterion
from mmseg_incremental.evaluation import SequenceResults
from mmseg_incremental.models.losses import (
    unbiased_cross_entropy,
    unbiased_knowledge_distillation,
)


def test_reference_criterion_equals_the_plain_functions():
    logits = torch.randn(2, 7, 3, 4, dtype=torch.float64)
    old_logits = torch.randn(2, 4, 3, 4, dtype=torch.float64)
    target = torch.randint(0, 7, (2, 12, 16))
    target[:, 0] = 255
    full, old = (F.interpolate(z, (12, 16), mode='bilinear') for z in (logits, old_logits))
    expected = unbiased_cross_entropy(full, target, 4)
    expected += 100 * unbiased_knowledge_distillation(full, old)
    torch.testing.assert_close(mib_criterion(logits, old_logits, target), expected)


def test_reference_label_map_and_class_sets(tmp_path):
    labels = np.array([[0, 3, 255], [7, 20, 3]], dtype=np.uint8)
    assert map_labels(labels, {3: 1, 20: 2}).tolist() == [[0, 1, 255], [0, 2, 1]]
    Image.fromarray(labels).save(tmp_path / 'a.png')
    assert class_sets([str(tmp_path / 'a.png')]) == [{3, 7, 20}]


def test_ratios_say_how_many_times_better():
    assert Result('time', 2.0, 3.0).ratio == 1.5
    assert Result('speed', 3.0, 2.0, unit='pictures/s', better='more').ratio == 1.5
    assert Result('alone', 2.0, None).ratio is None
    assert cells(Result('time', 0.5, 1.25, note='n')) == [
        'time',
        '0.5000 s',
        '1.2500 s',
        '2.50',
        'n',
    ]


def test_functions_take_turns():
    calls = []
    medians({'a': lambda: calls.append('a'), 'b': lambda: calls.append('b')}, rounds=1)
    assert calls == ['a', 'b'] * 3


def test_peak_memory_is_that_of_the_call():
    assert 90 < peak_megabytes(functools.partial, torch.ones, 25_000_000) < 130


def test_every_row_is_there_and_one_runs(capsys):
    assert set(ROWS) >= {
        'class_index', 'criterion', 'cuda', 'evaluation', 'growth', 'inference', 'iteration',
        'label_map', 'memory', 'old_model', 'throughput',
    }  # fmt: skip
    main(['label_map', '--rounds', '1', '--threads', '1', '--markdown'])
    assert '| 375x500 pixels | 0.' in capsys.readouterr().out


def test_unknown_row_is_told(capsys):
    with pytest.raises(SystemExit):
        main(['speed'])
    assert "unknown rows ['speed']" in capsys.readouterr().err


def test_tables_of_trainings_are_compared(tmp_path, capsys):
    args = same_results.parse_args(['--work-dir', str(tmp_path)])
    found = {'plain': (50.0, 20.0), 'fast': (50.25, 19.5), 'plain with two threads': (51.0, 20.0)}
    for name, values in found.items():
        results = SequenceResults({'groups': [['disc'], ['ring']]})
        for step, value in enumerate(values):
            results.record(step, {'mIoU/all': value})
        folder = same_results.work_dir(args, name)
        folder.mkdir(parents=True)
        results.save(folder / 'results.json')
    same_results.compare(args)
    printed = capsys.readouterr().out
    assert 'step 1, mIoU of all: plain 20.0000, fast 19.5000' in printed
    assert 'largest difference of fast: 0.5 points' in printed
    assert 'largest difference of plain with two threads: 1 points' in printed
