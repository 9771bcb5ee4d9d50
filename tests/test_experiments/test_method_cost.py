"""What a method costs: passes, pictures surveyed, what learns."""

import pytest
from tiny import command_main, leaf

from mmseg_incremental.experiments.method_cost import method_costs

OPTIONS = {'batch_size': 4, 'crop_size': (32, 32)}


@pytest.mark.slow
def test_passes_are_counted(shapes, tmp_path):
    options = {'data_root': str(shapes), **OPTIONS}
    costs = method_costs(leaf(), ['ft', 'plop'], options, tmp_path, rounds=1)
    ft, plop = costs['ft'], costs['plop']
    assert (ft.student_passes, ft.old_passes, ft.survey_pictures) == (1, 0, 0)
    assert (plop.student_passes, plop.old_passes) == (1, 1)
    assert plop.survey_pictures > 0
    assert ft.trainable == plop.trainable
    assert ft.seconds > 0
    assert ft.memory_mb > 0


def test_card_shows_the_moments_in_their_order(capsys):
    command_main('method_card')(['ewf'])
    out = capsys.readouterr().out
    moments = [line.split('│')[1].strip() for line in out.splitlines() if line.startswith('│')]
    assert out.startswith('EWF: what acts when')
    assert moments[1:] == [
        'classifier_init', 'trainable', 'first_loss', 'loss', 'distillation', 'after_step'
    ]  # fmt: skip
    assert 'WeightFusion()' in out


def test_unknown_method_lists_those_there_are():
    with pytest.raises(
        SystemExit,
        match=r"unknown method 'plopp'; did you mean plop or [^\n]*known names: [^\n]*rcil",
    ):
        command_main('method_card')(['plopp'])
