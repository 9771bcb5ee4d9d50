import importlib.util
import json
from pathlib import Path

import pytest
import torch
from conftest import DATA
from reference import method_inputs
from reference.method_values import method_values

SHOWN = Path(method_inputs.__file__).with_name('method_values_shown.json')
GIVEN = DATA.parent / 'goldens' / 'method_inputs.py'


def differences(ours, golden, path=''):
    """Where two nests of values differ by more than 1e-9."""
    if isinstance(golden, dict | list):
        keys = list(golden) if isinstance(golden, dict) else range(len(golden))
        if type(ours) is not type(golden) or len(ours) != len(golden):
            return [f'{path}: {ours} is not {golden}']
        return [d for key in keys for d in differences(ours[key], golden[key], f'{path}/{key}')]
    close = ours == (golden if isinstance(golden, str | int) else pytest.approx(golden, rel=1e-9))
    return [] if close else [f'{path}: {ours} is not {golden}']


def test_values_of_the_authors_code():
    golden = json.loads(SHOWN.read_text())
    ours = method_values(method_inputs.build('shown'))
    assert set(ours) == set(golden)
    assert differences(ours, golden) == []


def test_a_difference_is_found():
    golden = json.loads(SHOWN.read_text())
    for wrong in (
        golden | {'plop_pod_f1': {'loss': 0.0763587058, 'grad_norms': [0.023651009720024742]}},
        golden | {'memory': {**golden['memory'], 'order': list('badfc')}},
    ):
        assert len(differences(wrong, golden)) > 0
    assert differences(golden, golden) == []


@pytest.mark.parametrize('name', list(method_inputs.SETS))
def test_inputs_are_the_given_ones(name):
    if not GIVEN.exists():
        pytest.skip(f'{GIVEN} is absent')
    spec = importlib.util.spec_from_file_location('given_inputs', GIVEN)
    given = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(given)
    parameters = json.loads(json.dumps(method_inputs.SETS[name]))
    theirs = given.build('shown' if name == 'shown' else parameters)
    assert_same(method_inputs.build(name), theirs)
    assert differences(method_values(theirs), method_values(method_inputs.build(name))) == []


def assert_same(ours, given):
    assert list(map(str, sorted(ours))) == list(map(str, sorted(given)))
    for key, value in given.items():
        if isinstance(value, dict):
            assert_same(ours[key], value)
        elif isinstance(value, torch.Tensor):
            torch.testing.assert_close(ours[key], value, rtol=1e-15, atol=0)
        else:
            assert json.dumps(ours[key]) == json.dumps(value)
