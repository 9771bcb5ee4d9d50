"""The golden quantities of later methods, computed by the package's functions on any inputs."""

import math

import torch
from torch.nn import functional as F

from mmseg_incremental.datasets.memory_file import Candidate
from mmseg_incremental.methods.after_step.weight_fusion import fuse_states, fusion_factor
from mmseg_incremental.methods.links.seen_channels import SeenChannels
from mmseg_incremental.methods.links.sigmoid_or_background import SigmoidOrBackground
from mmseg_incremental.methods.links.unknown_as_background import UnknownAsBackground
from mmseg_incremental.methods.memory.class_balanced import select_class_balanced
from mmseg_incremental.methods.surveys.entropy_thresholds import (
    EntropyThresholds,
    histogram_thresholds,
)
from mmseg_incremental.methods.targets.entropy_pseudo_labels import (
    CODE_EPSILON,
    EntropyPseudoLabels,
    code_entropy_scale,
    normalised_entropy,
)
from mmseg_incremental.methods.targets.unknown_class_labels import unknown_class_labels
from mmseg_incremental.models.channels import Channels
from mmseg_incremental.models.classifier import IncrementalClassifier
from mmseg_incremental.models.classifier_init import init_from_background
from mmseg_incremental.models.classifier_pre_tuning import (
    combine_rows,
    match_mean_row_norm,
    match_norm,
)
from mmseg_incremental.models.doubled_convolution import Branch, merge_branches
from mmseg_incremental.models.labelled_batch import LabelledBatch
from mmseg_incremental.models.losses import sigmoid_cross_entropy, unbiased_cross_entropy_map
from mmseg_incremental.models.losses.decomposed_reasoning import reasoning_distillation_maps
from mmseg_incremental.models.losses.local_pod import LocalPOD, local_pod_embedding
from mmseg_incremental.models.losses.pooled_cube import ChannelPooledCube, SpatialPooledCube
from mmseg_incremental.models.losses.sigmoid_distillation import sigmoid_distillation_map
from mmseg_incremental.models.losses.utils import average_pixels


def method_values(inputs):
    """Quantities of ``method_inputs.build``, by name; plain Python numbers and lists."""
    values = {}
    for compute in (
        plop_features,
        plop_labels,
        ewf,
        ssul,
        dkd_logits,
        dkd_reasoning,
        rcil_features,
        rcil_merge,
        dft,
        nest,
        memory,
    ):
        values.update(compute(inputs))
    total = values['dkd_mbce_pw1']['loss'] + values['dkd_ac']['loss']
    distilled = sum(values[f'dkd_{name}']['loss'] for name in ('kd', 'pos', 'neg'))
    return values | dict(dkd_total=total + 5 * distilled)


def channels_of(part, extra=()):
    return Channels(part['K'], part['Ct'], extra)


def finite(number):
    """A number as JSON can hold it: infinity and NaN by their names."""
    return number if math.isfinite(number) else str(number)


def norms(loss, *sources):
    """Norms of the gradients; 0 of a source that the loss does not depend on."""
    gradients = torch.autograd.grad(loss, sources, allow_unused=True)
    return [0.0 if g is None else g.norm().item() for g in gradients]


def plain_cross_entropy(logits, target, weight=None):
    """Mean over all pixels."""
    loss = unbiased_cross_entropy_map(logits, target, num_old=0)
    weight = None if weight is None else weight.expand_as(loss)
    return average_pixels(loss, target, 255, avg_non_ignore=False, weight=weight)


def feature_taps(part):
    """Outputs of the student, which take a gradient, and of the old model."""
    names = {'f1': 'f1', 'f2': 'f2', 'logits': 'l'}
    student = {tap: part[f'{name}n'].clone().requires_grad_() for tap, name in names.items()}
    return student, {tap: part[f'{name}o'] for tap, name in names.items()}


def plop_features(inputs):
    part = inputs['features']
    values = {}
    for taps in (('f1',), ('f1', 'f2'), ('f1', 'f2', 'logits')):
        student, old = feature_taps(part)
        # the authors' windows; they are those of 'axes' where maps are square
        loss = LocalPOD(taps, windows='width').distil(student, old, channels_of(part))
        values['plop_pod_' + '_'.join(taps)] = dict(
            loss=loss.item(), grad_norms=norms(loss, *(student[tap] for tap in taps))
        )
    embedding = local_pod_embedding(part['f2o'].square(), windows='width')
    values['plop_pod_embedding_f2_old'] = dict(
        shape=list(embedding.shape),
        sum=embedding.sum().item(),
        norm=embedding.norm().item(),
        first3=embedding.flatten()[:3].tolist(),
        last3=embedding.flatten()[-3:].tolist(),
    )
    return values


def plop_labels(inputs):
    part = inputs['plop_pseudo']
    channels = channels_of(part)
    scale = code_entropy_scale(channels.num_old, channels.num_classes)
    values = dict(
        plop_thresholds={},
        plop_histogram_medians={
            name: [finite(v) for v in histogram_thresholds(part['hist'], cumulative).tolist()]
            for name, cumulative in (('code', False), ('histogram', True))
        },
        plop_entropy=dict(
            code_first6=normalised_entropy(part['zo'], scale, CODE_EPSILON).flatten()[:6].tolist(),
            paper_first6=normalised_entropy(part['zo']).flatten()[:6].tolist(),
        ),
    )
    thresholds = values['plop_thresholds']
    for variant in ('code', 'histogram', 'paper'):
        survey = EntropyThresholds(variant)
        survey.start(channels)
        no_labels = torch.zeros(1, *part['zc'].shape[2:], dtype=torch.long)
        survey.observe(LabelledBatch(no_labels, part['zc'], channels))
        found = survey.finish()
        thresholds[variant] = [finite(v) for v in found['thresholds'].tolist()]
        thresholds['counts'] = found['counts'].tolist()
        batch = LabelledBatch(part['y'], part['zo'], channels, statistics=found)
        targets = EntropyPseudoLabels()(batch)
        logits = part['z'].clone().requires_grad_()
        loss = plain_cross_entropy(logits, targets.labels, targets.weight)
        values[f'plop_pseudo_{variant}'] = dict(
            labels=targets.labels.tolist(),
            nu=targets.weight.flatten().tolist(),
            ce=loss.item(),
            grad_norm=norms(loss, logits)[0],
        )
    thresholds['max_entropy'] = math.log(channels.num_classes)
    margins = part['zc'].amax(1).flatten()
    entropies = normalised_entropy(part['zc'], scale, CODE_EPSILON).flatten()
    thresholds['margins_entropy_code'] = dict(
        zip(map(str, margins.tolist()), entropies.tolist(), strict=True)
    )
    return values


def ewf(inputs):
    part = inputs['ewf']
    channels = channels_of(part)
    alpha = fusion_factor(channels)
    fused = fuse_states(part['old'], part['new'], alpha)
    old = IncrementalClassifier(2, [channels.num_old]).double()
    old.load_state_dict(
        dict(weight=part['old']['cls0.weight'][..., None, None], bias=part['old']['cls0.bias'])
    )
    new = IncrementalClassifier(2, [channels.num_old, channels.num_new]).double()
    new.load_state_dict(old.state_dict(), strict=False)
    init_from_background(new)
    biases = fuse_states(old.state_dict(), new.state_dict(), alpha)['bias']
    return dict(
        ewf=dict(alpha=alpha, fused={name: value.tolist() for name, value in fused.items()}),
        ewf_background_bias_after_balanced_init=biases[0].item(),
    )


def ssul(inputs):
    """The authors' first channel, unknown, is our last one."""
    part = inputs['ssul']
    channels = channels_of(part, extra=('unknown',))
    unknown = channels.num_classes
    logits, old_logits = (part[name].roll(-1, 1) for name in ('z', 'zo'))
    logits = logits.requires_grad_()
    first = unknown_class_labels(part['y'], unknown, salient=part['sal'])
    later = unknown_class_labels(
        part['y'], unknown, old_logits, channels.num_old, part['thr'], part['sal']
    )
    values = {}
    for name, target in (('ssul_bce', later), ('ssul_bce_no_pseudo', first)):
        loss = sigmoid_cross_entropy(logits, target, avg_non_ignore=True)
        values[name] = dict(loss=loss.item(), grad_norm=norms(loss, logits)[0])
    cross_entropy = unbiased_cross_entropy_map(logits, later, num_old=0)
    scores = UnknownAsBackground()(logits, channels)
    return dict(
        values,
        ssul_labels_step0=theirs(first, unknown).tolist(),
        ssul_labels=theirs(later, unknown).tolist(),
        ssul_prediction=scores.argmax(1).tolist(),
        ssul_ce_variant=average_pixels(cross_entropy, later, 255, avg_non_ignore=True).item(),
    )


def theirs(target, unknown):
    """Labels by the authors' channels: unknown, background, classes."""
    return torch.where(target == unknown, 0, torch.where(target == 255, 255, target + 1))


def dkd_logits(inputs):
    """The authors' first channel, auxiliary, is our last one; a background is put before."""
    part = inputs['dkd']
    channels = channels_of(part, extra=('auxiliary',))
    target = part['y'].masked_fill(part['y'] == 255, 0)  # void is a negative example as well
    values = {}
    for weight in (1, 2, 35):
        logits = part['z'].clone().requires_grad_()
        per_class = [
            sigmoid_cross_entropy(
                logits[:, [0, c]], (target == c).long(), 1, positive_weight=weight
            )
            for c in range(channels.num_old, channels.num_classes)
        ]
        loss = sigmoid_cross_entropy(logits, target, channels.num_old, positive_weight=weight)
        values[f'dkd_mbce_pw{weight}'] = dict(
            loss=loss.item(),
            per_class=[value.item() for value in per_class],
            grad_norm=norms(loss, logits)[0],
        )
    logits = part['z'].clone().requires_grad_()
    distilled = sigmoid_distillation_map(logits, part['zo']).mean((0, 2, 3))
    values['dkd_kd'] = dict(
        loss=distilled.sum().item(),
        per_class=distilled.tolist(),
        grad_norm=norms(distilled.sum(), logits)[0],
    )
    # no pixel is an example of the extra channel
    ours = part['z'].roll(-1, 1)
    auxiliary = sigmoid_cross_entropy(ours, torch.zeros_like(target), ours.shape[1] - 1)
    values['dkd_ac'] = dict(loss=auxiliary.item())
    link = SigmoidOrBackground()
    for name, scores in (('', part['z']), ('_of_z_minus_1.8', part['z'] - 1.8)):
        values[f'dkd_prediction{name}'] = link(scores, channels).argmax(1).tolist()
    return values


def dkd_reasoning(inputs):
    part = inputs['dkd']
    features, weight = (part[name].clone().requires_grad_() for name in ('x', 'w'))
    old_weight = part['wo'][..., None, None]
    values = reasoning_distillation_maps(
        features, weight[: len(old_weight), :, None, None], part['xo'], old_weight
    )
    found = {}
    for name, per_class in zip(('dkd_pos', 'dkd_neg'), values, strict=True):
        per_class = per_class.mean((0, 2, 3))
        of_features, of_weight = norms(per_class.sum(), features, weight)
        found[name] = dict(
            loss=per_class.sum().item(),
            per_class=per_class.tolist(),
            grad_norm_x=of_features,
            grad_norm_w=of_weight,
        )
    return found


def rcil_features(inputs):
    part = inputs['features']
    values = {}
    for name, loss in (
        ('rcil_spatial', SpatialPooledCube(('f1', 'f2', 'logits'))),
        ('rcil_channel', ChannelPooledCube(('f1', 'f2'))),
    ):
        student, old = feature_taps(part)
        value = loss.distil(student, old, channels_of(part))
        values[name] = dict(loss=value.item(), grad_norms=norms(value, *student.values()))
    return values


def rcil_merge(inputs):
    part = inputs['merge']
    values = {}
    # the authors' normalisation scales by |gamma| + eps
    for name, scale in (('abn', lambda g: g.abs() + part['eps']), ('bn', lambda g: g)):
        pair = [
            Branch(
                part[f'k{i}'],
                part['c1'] if i == 1 else None,
                scale(part[f'g{i}']),
                *(part[f'{key}{i}'] for key in ('b', 'm', 'v')),
                part['eps'],
            )
            for i in (1, 2)
        ]
        kernel, bias = merge_branches(*pair)
        output = F.conv2d(part['x'], kernel, bias, padding=1)
        both = [
            F.batch_norm(
                F.conv2d(part['x'], b.kernel, b.bias, padding=1),
                b.mean, b.variance, b.scale, b.shift, eps=b.eps,
            )
            for b in pair
        ]  # fmt: skip
        values[f'rcil_merge_{name}'] = dict(
            kernel_sum=kernel.sum().item(),
            kernel_norm=kernel.norm().item(),
            bias=bias.tolist(),
            output_sum=output.sum().item(),
            output_norm=output.norm().item(),
            max_difference=(output - sum(both) / 2).abs().max().item(),
        )
    return values


def dft(inputs):
    part = inputs['dft']
    channels = channels_of(part, extra=part['future'] * ('1',))
    logits = part['z'].clone().requires_grad_()
    loss = plain_cross_entropy(logits, part['y'])
    (gradient,) = torch.autograd.grad(loss, logits)
    seen = SeenChannels()(logits, channels)
    return dict(
        dft_ce=dict(
            loss=loss.item(),
            grad_norm=gradient.norm().item(),
            grad_norm_trainable_channels=gradient[:, channels.num_old :].norm().item(),
            grad_norm_future=gradient[:, channels.num_classes :].norm().item(),
            prediction_all=logits.argmax(1).tolist(),
            prediction_seen=seen.argmax(1).tolist(),
        )
    )


def nest(inputs):
    part = inputs['nest']
    tuned = combine_rows(part['w'], part['m'], part['p'])
    # the background's own row, its gates and its share
    background = combine_rows(part['w'][:1], part['mb'][None], part['pb'])[0]
    rows, factor = match_mean_row_norm(tuned, part['w'])
    return dict(
        nest=dict(
            new_weight_tuning=tuned.tolist(),
            background_weight_tuning=background.tolist(),
            background_weight_final=match_norm(background, part['w'][0]).tolist(),
            new_bias_final=match_norm(part['nb'], part['b']).tolist(),
            gamma=factor.item(),
            new_weight_final=rows.tolist(),
        )
    )


def memory(inputs):
    part = inputs['memory']
    candidates = [Candidate(name, frozenset(shown), (0,)) for name, shown in part['candidates']]
    taken = select_class_balanced(candidates, part['classes'], part['size'])
    order = [candidate.picture for _, candidate in taken]
    per_class = {
        str(label): [candidate.picture for by, candidate in taken if by == label]
        for label in part['classes']
    }
    return dict(memory=dict(per_class=per_class, order=order, sorted=sorted(order)))
