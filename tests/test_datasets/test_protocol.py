import dataclasses

import pytest

from mmseg_incremental.datasets import PROTOCOLS, Protocol, get_protocol

PRESETS = {
    'mib': ('background', 'ignore', 'seen'),
    'paper': ('background', 'ignore', 'seen'),
    'plop': ('ignore', 'background', 'seen'),
}


@pytest.mark.parametrize('name', PRESETS)
def test_presets(name):
    assert dataclasses.astuple(get_protocol(name)) == PRESETS[name]
    assert get_protocol(dict(preset=name)) == get_protocol(name)


def test_no_other_presets():
    assert sorted(PROTOCOLS) == sorted(PRESETS)


@pytest.mark.parametrize(
    ('spec', 'values'),
    [
        (dict(), ('background', 'ignore', 'seen')),
        (dict(void='ignore'), ('ignore', 'ignore', 'seen')),
        (dict(preset='mib', future='background'), ('background', 'background', 'seen')),
        (dict(preset='plop', void='background'), ('background', 'background', 'seen')),
        (dict(preset='plop', test_images='all'), ('ignore', 'background', 'all')),
        (dict(void='ignore', future='background', test_images='all'),
         ('ignore', 'background', 'all')),
    ],
)  # fmt: skip
def test_single_choices_go_on_top_of_a_preset(spec, values):
    before = dict(spec)
    assert dataclasses.astuple(get_protocol(spec)) == values
    assert spec == before


def test_a_protocol_is_its_own_spec():
    protocol = Protocol(test_images='all')
    assert get_protocol(protocol) is protocol


def test_a_choice_leaves_the_presets_alone():
    get_protocol(dict(preset='mib', void='ignore'))
    assert get_protocol('mib').void == 'background'
    with pytest.raises(dataclasses.FrozenInstanceError):
        get_protocol('mib').void = 'ignore'


@pytest.mark.parametrize(
    ('spec', 'message'),
    [
        ('MiB', "unknown protocol 'MiB'"),
        (dict(preset='ssul'), "unknown protocol 'ssul'"),
        (dict(voids='ignore'), r"unknown keys \['voids'\]"),
        (dict(void='255'), r'protocol.void must be one of .* got .255.'),
        (dict(future='seen'), 'protocol.future must be one of'),
        (dict(test_images='background'), 'protocol.test_images must be one of'),
    ],
)
def test_refuses_unknown_choices(spec, message):
    with pytest.raises(ValueError, match=message):
        get_protocol(spec)
