"""How far many trainings are."""

import io

from rich.console import Console

from mmseg_incremental.engine.progress_file import SequenceProgress
from mmseg_incremental.experiments.progress import SweepProgress, describe, iterations_done


def test_iterations_of_a_job_that_finds_step_0_done():
    iters = {1: 100, 2: 50}

    def done(step, state, iteration, iterations):
        progress = SequenceProgress(step, (0, 1, 2), state, iteration, iterations)
        return iterations_done(iters, progress), describe(progress)

    assert done(0, 'evaluating', 400, 400) == (0, 'step 0, evaluating')
    assert done(1, 'training', 40, 100) == (40, 'step 1, 40/100')
    assert done(1, 'evaluating', 100, 100) == (100, 'step 1, evaluating')
    assert done(2, 'training', 10, 50) == (110, 'step 2, 10/50')
    assert done(2, 'done', 50, 50) == (150, 'step 2, done')


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
