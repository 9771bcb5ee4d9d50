import json

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from tiny import cfg_options, command_main, leaf
from torch import nn

from mmseg_incremental.engine import Bfloat16OptimWrapper
from mmseg_incremental.errors import InputError
from mmseg_incremental.sequence import amp, load_checkpoint, load_sequence

BFLOAT16 = dict(type='Bfloat16OptimWrapper')


@pytest.fixture
def machine(monkeypatch):
    def pretend(cuda, cuda_bfloat16=False, **cpu):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda)
        # an emulating GPU says yes unless it is asked not to
        monkeypatch.setattr(
            torch.cuda,
            'is_bf16_supported',
            lambda including_emulation=True: cuda_bfloat16 or including_emulation,
        )
        monkeypatch.setattr(amp, '_cpu_capabilities', lambda: cpu)

    return pretend


def test_a_new_gpu_takes_bfloat16(machine):
    machine(cuda=True, cuda_bfloat16=True)
    assert amp.mixed_precision_wrapper() == BFLOAT16


def test_an_old_gpu_takes_float16_with_a_scaled_loss(machine):
    machine(cuda=True, avx512_bf16=True)
    expected = dict(type='AmpOptimWrapper', loss_scale='dynamic', dtype='float16')
    assert amp.mixed_precision_wrapper() == expected


@pytest.mark.parametrize('instructions', ['avx512_bf16', 'amx_bf16', 'bf16'])
def test_a_cpu_with_the_instructions_takes_bfloat16(instructions, machine):
    machine(cuda=False, **{instructions: True})
    assert amp.mixed_precision_wrapper() == BFLOAT16


def test_another_cpu_is_one_clear_error(machine, tmp_path):
    machine(cuda=False, avx512_f=True, avx512_bf16=False)
    with pytest.raises(InputError, match='no GPU, and this CPU has none of avx512_bf16'):
        amp.mixed_precision_wrapper()
    with pytest.raises(SystemExit, match=r'^error: --amp needs a GPU, or a CPU with[^\n]*$'):
        command_main('train')([leaf(), '--amp', '--dry-run', '--work-dir', tmp_path])


def test_the_machine_is_asked():
    assert isinstance(amp.cpu_computes_in_bfloat16(), bool)
    assert amp._cpu_capabilities()


def test_nothing_of_another_precision_is_left(machine):
    before = load_sequence(leaf()).step(1).config.optim_wrapper.to_dict()
    machine(cuda=False, bf16=True)
    other = dict(type='AmpOptimWrapper', loss_scale=8.0, dtype='float16')
    sequence = load_sequence(leaf(), {'optim_wrapper': other, 'amp': True})
    for step in range(3):
        out = sequence.step(step).config
        expected = {**before, **BFLOAT16}
        expected['optimizer'] = dict(before['optimizer'], lr=sequence.schedules[step].lr)
        assert out.optim_wrapper.to_dict() == expected
        assert 'amp' not in out
    assert sequence.cfg.optim_wrapper.type == 'AmpOptimWrapper', 'the sequence is left alone'
    plain = load_sequence(leaf(), {'optim_wrapper': other, 'amp': False}).step(1).config
    assert plain.optim_wrapper.loss_scale == 8.0


def test_forward_runs_in_bfloat16_and_the_rest_in_float32():
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = OPTIM_WRAPPERS.build(dict(**BFLOAT16, optimizer=optimizer, accumulative_counts=2))
    assert type(wrapper) is Bfloat16OptimWrapper
    assert isinstance(wrapper, OptimWrapper)
    with wrapper.optim_context(model):
        out = model(torch.ones(1, 2))
    assert out.dtype == torch.bfloat16
    assert model(torch.ones(1, 2)).dtype == torch.float32
    wrapper.backward(out.float().sum())
    assert model.weight.grad.dtype == model.weight.dtype == torch.float32
    assert 'loss_scaler' not in wrapper.state_dict()


class Synchronised(nn.Linear):
    """Counts how often gradients were kept from synchronising."""

    quiet = 0

    def no_sync(self):
        self.quiet += 1
        return torch.no_grad()


def test_accumulated_gradients_are_still_synchronised_once():
    model = Synchronised(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = Bfloat16OptimWrapper(optimizer=optimizer, accumulative_counts=2)
    with wrapper.optim_context(model):
        assert model.quiet == 1


@pytest.mark.slow
def test_sequence_in_bfloat16_on_the_cpu(machine, shapes, tmp_path):
    machine(cuda=False, bf16=True)  # PyTorch emulates it where it has to
    seen = set()

    def note(module, _args, output):
        if isinstance(module, nn.Conv2d) and not output.is_meta:  # heads are tried without values
            seen.add((module.training, output.dtype))

    options = cfg_options(
        shapes,
        **{
            'step_schedule.first.iters': 2,
            'step_schedule.later.iters': 2,
            'default_hooks.logger.interval': 1,
        },
    )
    handle = nn.modules.module.register_module_forward_hook(note)
    try:
        command_main('train')([leaf(), '--amp', '--steps', 0, 1, '--work-dir', tmp_path, *options])
    finally:
        handle.remove()
    # the student, and the old model beside it; evaluation is in float32
    assert {(True, torch.bfloat16), (False, torch.bfloat16)} <= seen
    assert (True, torch.float32) not in seen
    for step in (0, 1):
        state = load_checkpoint(tmp_path / f'step_{step}.pth')['state_dict']
        floats = [value for value in state.values() if value.is_floating_point()]
        assert {value.dtype for value in floats} == {torch.float32}
        assert all(torch.isfinite(value).all() for value in floats)
        (log,) = tmp_path.glob(f'step_{step}/*/vis_data/scalars.json')
        losses = [json.loads(line).get('loss') for line in log.read_text().splitlines()]
        assert len([loss for loss in losses if loss is not None]) == 2
