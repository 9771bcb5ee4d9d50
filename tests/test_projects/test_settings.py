"""The setting that a report of the paper's tables names."""

from types import SimpleNamespace

import pytest

from incremental_bisenet.reproduce import _settings


def planned(setting: str, num_steps: int) -> SimpleNamespace:
    return SimpleNamespace(sequence=SimpleNamespace(setting=setting, num_steps=num_steps))


@pytest.mark.parametrize(
    ('runs', 'named'),
    [
        ([planned('disjoint', 2), planned('overlapped', 1)], 'disjoint'),
        ([planned('overlapped', 1)], 'all classes at once'),
    ],
)
def test_a_joint_training_names_no_setting(runs: list, named: str) -> None:
    assert _settings(runs) == named
