import pytest
import torch
from reference import method_inputs

from mmseg_incremental.models.classifier_pre_tuning import (
    combine_rows,
    match_mean_row_norm,
    match_norm,
)


def test_rows_by_hand():
    weight = torch.tensor([[1.0, 2.0], [3.0, -4.0]])
    gates = torch.tensor([[[1.0, 0.5], [0.0, 2.0]]])
    rows = combine_rows(weight, gates, torch.tensor([[0.5, 0.25]]))
    assert rows.tolist() == [[0.5 * 1, 0.5 * 1 - 0.25 * 8]]


@pytest.mark.parametrize('name', list(method_inputs.SETS))
def test_rows_equal_loops(name):
    part = method_inputs.build(name)['nest']
    rows = combine_rows(part['w'], part['m'], part['p'])
    for c in range(part['Ct']):
        for d in range(5):
            expected = sum(
                part['p'][c, k] * part['m'][c, k, d] * part['w'][k, d] for k in range(part['K'])
            )
            assert rows[c, d].item() == pytest.approx(expected.item(), rel=1e-12)
    scaled, factor = match_mean_row_norm(rows, part['w'])
    torch.testing.assert_close(scaled.norm(dim=1).mean(), part['w'].norm(dim=1).mean())
    torch.testing.assert_close(scaled, factor * rows)
    # one factor for all rows
    torch.testing.assert_close(scaled[0] / scaled[0].norm(), rows[0] / rows[0].norm())


def test_a_row_keeps_its_direction_and_takes_the_old_norm():
    scaled = match_norm(torch.tensor([6.0, 8.0]), torch.tensor([[0.0, 5.0]]))
    assert scaled.tolist() == [3.0, 4.0]
