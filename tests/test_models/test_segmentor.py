import copy
import functools

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from tiny import leaf
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from mmseg_incremental.errors import InputError
from mmseg_incremental.models import init_from_background
from mmseg_incremental.models.losses import (
    feature_distillation,
    knowledge_distillation,
    unbiased_cross_entropy,
    unbiased_knowledge_distillation,
)
from mmseg_incremental.sequence import load_sequence

HEADS = ('decode', 'aux_0', 'aux_1')


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_config(method='mib', step=1, freeze_norm=False, terms=None):
    """Config of the model of a step; ``terms`` replaces the distillation of the method."""
    options = {'method': method, 'step_schedule.later.freeze_norm': freeze_norm}
    if terms is not None:
        options['method.distillation'] = terms
    return copy.deepcopy(load_sequence(leaf(), options).step(step).config.model)


@functools.cache
def built(method, step):
    with torch.random.fork_rng():
        torch.manual_seed(step)
        return MODELS.build(model_config(method, step))


def build(method='mib', step=1, freeze_norm=False, terms=None):
    """Student of a step and, from step 1 on, its old model."""
    if freeze_norm or terms is not None:
        student = MODELS.build(model_config(method, step, freeze_norm, terms))
    else:
        student = copy.deepcopy(built(method, step))
    if step:
        student.set_old_model(copy.deepcopy(built('ft', step - 1)))
    return student.train()


def with_terms(*terms):
    """Student of step 1 with these distillation terms."""
    return build('ft', terms=list(terms))


def batch(num_classes=6, size=64, num=2):
    labels = torch.randint(0, num_classes, (num, size, size))
    labels[:, :3] = 255
    pictures = torch.randn(num, 3, size, size)
    return pictures, [SegDataSample(gt_sem_seg=PixelData(data=label[None])) for label in labels]


def labels_of(samples):
    return torch.cat([sample.gt_sem_seg.data for sample in samples])


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


def train(model, iterations=2):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(iterations):
        model.train()
        optimizer.zero_grad()
        total(model.loss(*batch())).backward()
        optimizer.step()


def snapshot(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


def count_calls(module):
    calls = []
    module.register_forward_hook(lambda *_: calls.append(1))
    return calls


def logits_of(model, pictures, head='decode_head'):
    features = model.extract_feat(pictures)
    return F.interpolate(model.get_submodule(head)(features), pictures.shape[2:], mode='bilinear')


# --- the old model is derived state -------------------------------------------------------------


def test_old_model_is_in_no_list_of_parts():
    model, bare = build(), built('mib', 1)
    old = model.old_model
    assert list(model.state_dict()) == list(bare.state_dict())
    assert not any('old' in name for name, _ in model.named_modules())
    assert all(module is not old for module in model.modules())
    assert dict(model.named_children()).keys() == dict(bare.named_children()).keys()
    own = {id(value) for value in [*model.parameters(), *model.buffers()]}
    assert len(own) == len([*bare.parameters(), *bare.buffers()])
    assert own.isdisjoint(id(value) for value in [*old.parameters(), *old.buffers()])


def test_old_model_is_frozen_in_evaluation_mode_whatever_the_student_does():
    model = build()
    old = model.old_model
    for mode in (True, False, True):
        model.train(mode)
        assert model.decode_head.training is mode
        assert not any(module.training for module in old.modules())
    model.requires_grad_(True)
    assert not any(parameter.requires_grad for parameter in old.parameters())


def test_set_old_model_freezes_a_model_in_training():
    model = copy.deepcopy(built('mib', 1))
    old = copy.deepcopy(built('ft', 0)).train()
    model.set_old_model(old)
    assert not any(module.training for module in model.old_model.modules())
    assert not any(parameter.requires_grad for parameter in model.old_model.parameters())


def test_old_model_keeps_its_logits_on_the_fast_path():
    old = copy.deepcopy(built('ft', 0)).train()
    pictures, _ = batch()
    with torch.no_grad():  # fresh statistics would hide a normalisation that is folded wrongly
        logits_of(old, 3 * pictures + 1)
    expected = logits_of(old.eval(), pictures)
    model = build()
    model.set_old_model(old)
    assert not norms_of(model.old_model)
    torch.testing.assert_close(logits_of(model.old_model, pictures), expected, rtol=0, atol=1e-4)
    plain = MODELS.build(dict(model_config(), fast_path=False))
    plain.set_old_model(old)
    assert plain.old_model is old
    assert torch.equal(logits_of(plain.old_model, pictures), expected)


def test_old_model_is_folded_where_convolutions_round_as_on_a_gpu(monkeypatch):
    whole = torch.nn.Conv2d._conv_forward

    def rounding(self, pixels, weight, bias):
        if weight.dtype == torch.float32:
            pixels, weight = pixels.bfloat16().float(), weight.bfloat16().float()
        return whole(self, pixels, weight, bias)

    old = copy.deepcopy(built('ft', 0)).train()
    with torch.no_grad():
        logits_of(old, 3 * batch()[0] + 1)
    monkeypatch.setattr(torch.nn.Conv2d, '_conv_forward', rounding)
    model = build()
    model.set_old_model(old)
    assert not norms_of(model.old_model)


@pytest.mark.parametrize('method', ['ft', 'lwf', 'ilt', 'mib', 'fuce'])
def test_fast_path_has_the_losses_and_gradients_of_the_plain_one(method):
    model = build(method)
    plain = MODELS.build(dict(model_config(method), fast_path=False)).train()
    plain.load_state_dict(model.state_dict())
    plain.set_old_model(copy.deepcopy(built('ft', 0)))
    # batch normalisation over few values is steep: compare the sums, not the noise, in float64
    model, plain = model.double(), plain.double()
    model.set_old_model(copy.deepcopy(built('ft', 0)).double())
    plain.old_model.double()
    pictures, samples = batch()
    expected, found = (m.loss(pictures.double(), samples) for m in (plain, model))
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name].double(), value.double().squeeze(), msg=name)
    for losses in (expected, found):
        total(losses).backward()
    for (name, one), other in zip(plain.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-6, atol=1e-9, msg=name)


def test_init_weights_and_loading_leave_the_old_model_alone():
    model = build()
    before = snapshot(model.old_model)
    model.init_weights()
    model.load_state_dict(model.state_dict(), strict=True)
    assert not changed(before, model.old_model.state_dict())


@pytest.mark.parametrize('method', ['mib', 'ilt'])
def test_training_changes_every_part_of_the_student_and_nothing_of_the_old_model(method):
    model = build(method)
    old, student = snapshot(model.old_model), snapshot(model)
    train(model)
    assert not changed(old, model.old_model.state_dict())
    assert all(parameter.grad is None for parameter in model.old_model.parameters())
    assert changed(student, model.state_dict()) == set(student)
    assert any(name.endswith('running_mean') for name in student)
    assert not any(module._forward_hooks for module in [*model.modules()])
    assert not any(module._forward_hooks for module in model.old_model.modules())


# --- which forward passes are made --------------------------------------------------------------


@pytest.mark.parametrize('method', ['ft', 'mib', 'ilt'])
def test_student_and_old_model_run_once_per_loss(method):
    model = build(method)
    parts = ['backbone', 'decode_head', 'auxiliary_head.0', 'auxiliary_head.1']
    student = {part: count_calls(model.get_submodule(part)) for part in parts}
    old = {part: count_calls(model.old_model.get_submodule(part)) for part in parts}
    model.loss(*batch())
    assert {part: len(calls) for part, calls in student.items()} == dict.fromkeys(parts, 1)
    runs = int(method != 'ft')
    assert [len(old[part]) for part in parts] == [runs, runs, 0, 0]


def test_old_model_runs_without_gradient():
    model = build()
    graphs = []
    model.old_model.decode_head.register_forward_hook(
        lambda _module, _args, output: graphs.append(output.requires_grad)
    )
    pictures, samples = batch()
    model.loss(pictures.requires_grad_(), samples)
    assert graphs == [False]
    assert torch.is_grad_enabled()


# --- the losses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('method', 'loss', 'distillation'),
    [
        ('ft', 'loss_ce', []),
        ('lwf', 'loss_ce', ['loss_kd']),
        ('ilt', 'loss_ce', ['loss_kd', 'loss_feat']),
        ('mib', 'loss_unce', ['loss_unkd']),
        ('fuce', 'loss_fuce', ['loss_unkd']),
    ],
)
def test_losses_are_named_and_finite(method, loss, distillation):
    expected = {f'{head}.{name}' for head in HEADS for name in (loss, 'acc_seg')}
    plain = {f'{head}.{name}' for head in HEADS for name in ('loss_ce', 'acc_seg')}
    first = build(method, step=0)
    losses = first.loss(*batch(num_classes=5))
    assert set(losses) == plain, 'nothing is distilled at step 0, and its loss is plain'
    second = build(method, step=1)
    losses = second.loss(*batch())
    assert set(losses) == expected | {f'distill.{name}' for name in distillation}
    assert all(value.isfinite().all() for value in losses.values())
    assert all(value.numel() == 1 for value in losses.values())
    assert all(losses[f'distill.{name}'] > 0 for name in distillation)


def test_mib_losses_equal_the_functions_on_its_logits():
    model = build('mib')
    pictures, samples = batch()
    labels = labels_of(samples)
    losses = model.loss(pictures, samples)
    # batch statistics depend on the batch only, so a second pass gives the same logits
    logits = {'decode': logits_of(model, pictures)}
    logits['aux_0'] = logits_of(model, pictures, 'auxiliary_head.0')
    logits['aux_1'] = logits_of(model, pictures, 'auxiliary_head.1')
    for head in HEADS:
        expected = unbiased_cross_entropy(logits[head], labels, num_old=5)
        torch.testing.assert_close(losses[f'{head}.loss_unce'], expected)
    old_logits = logits_of(model.old_model, pictures)
    expected = 100 * unbiased_knowledge_distillation(logits['decode'], old_logits)
    torch.testing.assert_close(losses['distill.loss_unkd'], expected, rtol=1e-5, atol=0)


def test_unbiased_distillation_starts_at_its_floor_inside_the_segmentor():
    model = build('mib')
    model.load_state_dict(model.old_model.state_dict(), strict=False)
    for _, classifier in model.classifiers():
        init_from_background(classifier)
    model.eval()
    pictures, samples = batch()
    prob = logits_of(model.old_model, pictures).softmax(1)
    floor = -100 * (prob * prob.log()).sum(1).mean() / 5
    torch.testing.assert_close(model.loss(pictures, samples)['distill.loss_unkd'], floor)


def test_step_0_has_no_distillation_though_the_config_names_it():
    model = build('ilt', step=0)
    assert len(model.distillation) == 0
    assert model.old_model is None
    assert not any(name.startswith('distill') for name in model.loss(*batch(num_classes=5)))


def test_gradient_of_the_distillation_reaches_the_student():
    model = build('ilt')
    losses = model.loss(*batch())
    losses['distill.loss_feat'].backward(retain_graph=True)
    assert model.backbone.context_path.arm16.conv_layer.conv.weight.grad.abs().sum() > 0
    assert model.decode_head.conv_seg[0].weight.grad is None
    losses['distill.loss_kd'].backward()
    assert model.decode_head.conv_seg[0].weight.grad.abs().sum() > 0


def features_of(model, pictures, name):
    outputs = []
    handle = model.get_submodule(name).register_forward_hook(
        lambda _module, _args, output: outputs.append(output)
    )
    logits_of(model, pictures)
    if name.startswith('auxiliary_head'):
        logits_of(model, pictures, '.'.join(name.split('.')[:2]))
    handle.remove()
    return outputs[0]


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'module': 'backbone.context_path.arm16'},
        {'module': 'backbone.context_path.arm32'},
        {'module': 'backbone.ffm'},
        {'module': 'backbone.context_path.backbone.layer4'},
        {'module': 'auxiliary_head.1.convs'},
    ],
    ids=lambda options: options.get('module', 'default'),
)
def test_features_of_a_named_module_are_distilled(options):
    model = with_terms(dict(type='FeatureDistillation', loss_weight=3.0, **options))
    pictures, samples = batch()
    loss = model.loss(pictures, samples)['distill.loss_feat']
    name = options.get('module', 'backbone.context_path.arm16')
    new, old = (features_of(m, pictures, name) for m in (model, model.old_model))
    expected = 3 * feature_distillation(new, old)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    assert loss > 0


def test_unknown_module_is_told():
    model = with_terms(dict(type='FeatureDistillation', module='backbone.context_path.arm61'))
    with pytest.raises(InputError, match=r"no module 'backbone\.context_path\.arm61'.*decode_head"):
        model.loss(*batch())


@pytest.mark.parametrize(
    'module', ['backbone', 'auxiliary_head', 'decode_head.conv_seg.0', 'decode_head.loss_decode']
)
def test_module_without_a_tensor_to_compare_is_told(module):
    model = with_terms(dict(type='FeatureDistillation', module=module))
    with pytest.raises(InputError, match=f"'{module}' gives no tensor"):
        model.loss(*batch())


@pytest.mark.parametrize('head', ['auxiliary_head.0', 'auxiliary_head.1'])
def test_logits_of_an_auxiliary_head_are_distilled(head):
    model = with_terms(dict(type='KnowledgeDistillation', module=head))
    pictures, samples = batch()
    losses = model.loss(pictures, samples)
    new, old = (features_of(m, pictures, head) for m in (model, model.old_model))
    assert (new.shape[1], old.shape[1]) == (6, 5)
    torch.testing.assert_close(losses['distill.loss_kd'], knowledge_distillation(new, old))


def test_terms_of_one_name_are_summed():
    one = dict(type='KnowledgeDistillation', loss_weight=2.0)
    two = dict(type='KnowledgeDistillation', module='auxiliary_head.0', loss_weight=0.5)
    model = with_terms(one, two)
    pictures, samples = batch()
    losses = model.loss(pictures, samples)
    main = knowledge_distillation(logits_of(model, pictures), logits_of(model.old_model, pictures))
    aux = knowledge_distillation(
        *(features_of(m, pictures, 'auxiliary_head.0') for m in (model, model.old_model))
    )
    torch.testing.assert_close(losses['distill.loss_kd'], 2 * main + 0.5 * aux)


@pytest.mark.parametrize('method', ['ft', 'lwf', 'ilt', 'mib', 'fuce'])
def test_labels_and_pictures_are_left_as_they_are(method):
    model = build(method)
    pictures, samples = batch()
    before = pictures.clone(), labels_of(samples).clone()
    total(model.loss(pictures, samples)).backward()
    assert torch.equal(pictures, before[0])
    assert torch.equal(labels_of(samples), before[1])


@pytest.mark.parametrize('method', ['ft', 'ilt', 'mib', 'fuce'])
def test_crops_that_hold_only_void_cost_nothing(method):
    model = build(method)
    pictures, samples = batch()
    for sample in samples:
        sample.gt_sem_seg.data.fill_(255)
    losses = model.loss(pictures, samples)
    for name, value in losses.items():
        assert value.isfinite().all(), name
        if 'distill' not in name and 'loss' in name:
            assert value == 0, name
    total(losses).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize('method', ['ilt', 'mib', 'fuce'])
def test_bfloat16_autocast_is_close(method):
    model = build(method)
    data = batch()
    exact = model.loss(*data)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        mixed = model.loss(*data)
    total(mixed).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    for name in exact:
        if 'loss' in name:
            assert mixed[name].dtype == torch.float32, name
            torch.testing.assert_close(mixed[name], exact[name], rtol=0.05, atol=0.02)


# --- frozen batch normalisation -----------------------------------------------------------------


def norms_of(model):
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


def test_frozen_norm_survives_train_and_training():
    model = build(freeze_norm=True)
    norms = norms_of(model)
    assert len(norms) > 20
    assert not any(p.requires_grad for norm in norms for p in norm.parameters())
    for _ in range(2):
        assert model.train() is model
        assert model.training
        assert model.decode_head.training
        assert not any(norm.training for norm in norms)
    before = [snapshot(norm) for norm in norms]
    student = snapshot(model)
    train(model)
    assert not any(changed(b, n.state_dict()) for b, n in zip(before, norms, strict=True))
    assert 'decode_head.conv_seg.weight' in changed(student, model.state_dict())
    assert 'backbone.context_path.backbone.conv1.weight' in changed(student, model.state_dict())


def test_norm_learns_unless_it_is_frozen():
    model = build()
    assert all(norm.training for norm in norms_of(model))
    assert all(p.requires_grad for p in model.parameters())
    assert not any(norm.training for norm in norms_of(model.eval()))


def test_frozen_norm_survives_the_switch_to_synchronised_norm():
    model = build(freeze_norm=True)
    model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    model.train()
    norms = norms_of(model)
    assert all(isinstance(norm, torch.nn.SyncBatchNorm) for norm in norms)
    assert not any(norm.training for norm in norms)
    assert not any(p.requires_grad for norm in norms for p in norm.parameters())


# --- beside it ----------------------------------------------------------------------------------


def test_deepcopy_is_a_model_of_its_own():
    model = build()
    twin = copy.deepcopy(model)
    data = batch()
    for one, other in zip(model.loss(*data).values(), twin.loss(*data).values(), strict=True):
        torch.testing.assert_close(one, other)
    assert twin.old_model is not model.old_model
    assert list(twin.state_dict()) == list(model.state_dict())
    before = snapshot(model), snapshot(model.old_model)
    train(twin, 1)
    assert not changed(before[0], model.state_dict())
    assert not changed(before[1], model.old_model.state_dict())


def test_train_step_updates_the_student_only():
    model = build()
    old, student = snapshot(model.old_model), snapshot(model)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01))
    pictures, samples = batch()
    for sample in samples:
        sample.set_metainfo(dict(img_shape=(64, 64)))
    data = dict(
        inputs=[(40 * p + 128).clamp(0, 255).byte() for p in pictures], data_samples=samples
    )
    logs = model.train_step(data, optimizer)
    parts = {name for name in logs if name.split('.')[-1].startswith('loss')} - {'loss'}
    assert len(parts) == 4
    assert logs['loss'].item() == pytest.approx(sum(logs[name].item() for name in parts), rel=1e-5)
    assert changed(student, model.state_dict())
    assert not changed(old, model.old_model.state_dict())


def test_prediction_takes_no_notice_of_the_old_model():
    model = build().eval()
    calls = count_calls(model.old_model.backbone)
    pictures, samples = batch()
    for sample in samples:
        sample.set_metainfo(dict(img_shape=(64, 64), ori_shape=(64, 64), pad_shape=(64, 64)))
    with torch.no_grad():
        predicted = model.predict(pictures, samples)
        logits = logits_of(model, pictures)
    assert calls == []
    assert torch.equal(predicted[1].pred_sem_seg.data[0], logits[1].argmax(0))


def test_a_model_without_auxiliary_heads_or_with_a_single_one():
    cfg = model_config()
    cfg.auxiliary_head = cfg.auxiliary_head[0]
    assert set(MODELS.build(cfg).loss(*batch())) == {
        'decode.loss_unce', 'decode.acc_seg', 'aux.loss_unce', 'aux.acc_seg',
    }  # fmt: skip
    cfg.auxiliary_head = None
    assert set(MODELS.build(cfg).loss(*batch())) == {'decode.loss_unce', 'decode.acc_seg'}
