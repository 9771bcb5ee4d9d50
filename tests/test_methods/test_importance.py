"""EWC, PI and RW: what is recorded of every weight, and the pull back to the old ones."""

from pathlib import Path

import pytest
import torch
from mmseg.registry import TASK_UTILS
from reference import importance as loops
from tiny import tiny_sequence
from torch import nn

from mmseg_incremental.apis import RunOptions, run_sequence
from mmseg_incremental.methods.importance.weight_importance import normalise
from mmseg_incremental.sequence import CheckpointError, WorkDir, load_checkpoint

KINDS = ('ElasticWeights', 'PathIntegral', 'RiemannianWalk')


class Model(nn.Module):
    def __init__(self, steps=1):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        for name in ('old', 'new')[:steps]:
            values = torch.randn(4, generator=generator, dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(values))
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)


def build(kind, **options):
    if kind == 'RiemannianWalk':
        options = {'interval': 3, **options}
    return TASK_UTILS.build(dict(type=kind, **options))


def learn(part, model, updates=8, seed=0):
    """Gradients at random, plain descent; weights and gradients of ``old`` at every update."""
    generator = torch.Generator().manual_seed(seed)
    weights, gradients = [], []
    for _ in range(updates):
        for parameter in model.parameters():
            if parameter.requires_grad:
                draw = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
                parameter.grad = draw + parameter.detach()
        weights.append(model.old.tolist())
        gradients.append(model.old.grad.tolist())
        part.observe()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter -= 0.1 * parameter.grad
    return weights, gradients


KEPT = {
    'fisher.old': [0.1, 0.4, 2.0, 0.3],
    'score.old': [3.0, 0.0, 0.5, 1.0],
}


def kept(kind):
    names = {'ElasticWeights': ['fisher.old'], 'PathIntegral': ['score.old']}.get(kind, list(KEPT))
    return {name: torch.tensor(KEPT[name], dtype=torch.float64) for name in names}


@pytest.mark.parametrize('first', [True, False])
@pytest.mark.parametrize('kind', KINDS)
def test_what_is_recorded_equals_loops(kind, first):
    part, model = build(kind), Model()
    before = {} if first else kept(kind)
    part.start(model, before)
    weights, gradients = learn(part, model)
    found = {name: value.tolist() for name, value in part.finish().items()}
    first_fisher = [1.0] * 4 if first else KEPT['fisher.old']
    score = None if first else KEPT['score.old']
    if kind == 'ElasticWeights':
        expected = {'fisher.old': loops.fisher(first_fisher, gradients)}
    elif kind == 'PathIntegral':
        ends = model.old.tolist()
        expected = {'score.old': loops.path_integral(weights, gradients, ends, score)}
    else:
        fisher, scores = loops.riemannian_walk(weights, gradients, first_fisher, 3, before=score)
        expected = {'fisher.old': fisher, 'score.old': scores}
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-9, abs=1e-12), name


@pytest.mark.parametrize('normalised', [True, False])
@pytest.mark.parametrize('kind', KINDS)
def test_pull_is_the_gradient_of_the_penalty(kind, normalised):
    part, model = build(kind, weight=7.0, normalised=normalised), Model(steps=2)
    part.start(model, kept(kind))
    start = model.old.detach().clone()
    assert part.penalty() == 0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3
    importance = [0.0] * 4
    for name in kept(kind):
        values = loops.normalise(KEPT[name]) if normalised else KEPT[name]
        importance = [a + b for a, b in zip(importance, values, strict=True)]
    weight = model.old.detach().clone().requires_grad_()
    loss = 7.0 * (torch.tensor(importance, dtype=torch.float64) * (weight - start).square()).sum()
    (expected,) = torch.autograd.grad(loss, weight)
    assert part.penalty().item() == pytest.approx(loss.item(), rel=1e-9)
    model.old.grad, model.new.grad = torch.ones(4).double(), torch.ones(4).double()
    part.pull()
    torch.testing.assert_close(model.old.grad - 1, expected, rtol=1e-9, atol=1e-9)
    assert torch.equal(model.new.grad, torch.ones(4).double()), 'a new weight is free'
    assert model.frozen.grad is None


def test_one_update_reaches_the_old_weight_at_most():
    part, model = build('ElasticWeights', weight=1e6), Model()
    part.start(model, kept('ElasticWeights'))
    start = model.old.detach().clone()
    with torch.no_grad():
        model.old += 1
    model.old.grad = torch.zeros(4).double()
    part.pull(largest=1 / 0.05)
    after = model.old.detach() - 0.05 * model.old.grad
    torch.testing.assert_close(after[1:], start[1:])
    torch.testing.assert_close(after[0], start[0] + 1)  # its importance is the least, 0


def test_there_is_no_pull_without_a_step_before():
    for kind in KINDS:
        part, model = build(kind), Model()
        part.start(model, {})
        model.old.grad = torch.ones(4).double()
        with torch.no_grad():
            model.old += 1
        part.pull()
        assert torch.equal(model.old.grad, torch.ones(4).double())


@pytest.mark.parametrize('kind', KINDS)
def test_an_interrupted_step_goes_on_to_the_same(kind):
    whole, model = build(kind), Model(steps=2)
    whole.start(model, kept(kind))
    learn(whole, model, updates=4)
    state = {name: value.clone() for name, value in whole.state().items()}
    again, other = build(kind), Model(steps=2)
    other.load_state_dict(model.state_dict())
    again.start(other, kept(kind), state)
    for part, trained in ((whole, model), (again, other)):
        learn(part, trained, updates=5, seed=1)
        part.pull()
    assert torch.equal(model.old.grad, other.old.grad)
    first, second = whole.finish(), again.finish()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_what_was_important_is_summed_up_or_averaged_over_the_steps():
    """New weights enter with their first step, all go on by name."""
    for kind in KINDS:
        part, model = build(kind), Model(steps=2)
        part.start(model, kept(kind))
        learn(part, model)
        names = {name.partition('.')[2] for name in part.finish()}
        assert names == {'old', 'new'}


def test_normalise_of_equal_values_is_nothing():
    assert normalise(torch.full((3,), 5.0)).tolist() == [0, 0, 0]


@pytest.mark.slow
def test_a_step_0_of_another_method_is_refused(shapes: Path, trained: Path, tmp_path: Path):
    sequence = tiny_sequence(shapes, tmp_path, 'ewc')
    with pytest.raises(CheckpointError, match='does not say how much each weight matters'):
        run_sequence(sequence, RunOptions(steps=[0, 1], base=trained))


@pytest.mark.slow
def test_important_weights_stay_nearer(shapes: Path, tmp_path: Path):
    """The whole way: recorded at step 0, kept in its checkpoint, pulled at step 1."""
    moved = {}
    for weight in (0.0, 500.0):
        folder = tmp_path / str(weight)
        sequence = tiny_sequence(shapes, folder, 'ewc', **{'method.importance.weight': weight})
        run_sequence(sequence, RunOptions(steps=[0, 1]))
        old, new = (load_checkpoint(WorkDir(folder).checkpoint(t)) for t in (0, 1))
        assert {name.partition('.')[0] for name in old['meta']['importance']} == {'fisher'}
        fisher = old['meta']['importance']
        moved[weight] = sum(
            (normalise(value) * (new['state_dict'][name] - old['state_dict'][name]).square())
            .sum()
            .item()
            for name, value in ((n.partition('.')[2], v) for n, v in fisher.items())
            if name in new['state_dict'] and 'conv_seg' not in name
        )
    assert moved[500.0] < 0.5 * moved[0.0]
