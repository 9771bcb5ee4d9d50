"""Where a training stands, read from what it prints."""

import io

from rich.console import Console

from mmseg_incremental.experiments.progress import JobOutput, SweepProgress


def test_output_of_a_training_is_followed():
    output = JobOutput({1: 100, 2: 100})
    assert not output.read('some table')
    assert output.read('step 0: taken from elsewhere\n')
    assert output.done == 0
    assert output.read('step 1: learning cow\n')
    line = '11/22 22:19:25 - mmengine - INFO - Iter(train) [ {}/100]  lr: 9e-03\n'
    output.read(line.format(50))
    assert (output.done, output.state) == (50, 'step 1, 50/100')
    output.read('step 1: evaluating on 10 pictures\n')
    assert output.done == 100
    output.read('step 2: learning sheep\n')
    assert output.done == 100
    output.read(line.format(10))
    assert output.done == 110


def test_share_of_all_iterations_counts_what_a_failed_job_left_out():
    text = io.StringIO()
    with SweepProgress(Console(file=text, width=200), total=200) as progress:
        first = progress.begin('a', 100)
        progress.advance(first, 'a', 20, 'step 0, 20/100')
        assert '10 %' in progress.summary()
        progress.end(first, 'FAILED: a')
        assert '50 %' in progress.summary()
    assert 'begun: a (100 iterations)' in text.getvalue()
    assert 'FAILED: a (50 % of all iterations' in text.getvalue()
