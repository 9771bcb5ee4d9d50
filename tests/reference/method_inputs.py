"""Inputs of the golden values of later methods, all from closed formulas, in float64."""

import itertools
import math

import torch

WAVES = {'sin': torch.sin, 'cos': torch.cos}

#: Parameters of a set: sizes; label rules (modulus, remainder, label); waves (function, amplitude,
#: frequency, phase); pixels of the survey (class, margin, count); histograms (bin: count).
SETS = {
    'shown': dict(
        K=4,
        Ct=2,
        N=2,
        H=4,
        W=5,
        rules=[(7, 3, 4), (9, 4, 5), (13, 6, 255)],
        conf=[
            (0, 7.0, 60),
            (0, 5.0, 40),
            (1, 7.0, 30),
            (1, 5.0, 70),
            (2, 7.0, 3),
            (2, 5.0, 2),
            (2, 4.25, 4),
        ],
        hist=[
            {0: 60, 1: 40},
            {0: 30, 1: 70},
            {0: 3, 1: 2, 2: 4},
            {},
            {0: 3, 1: 2, 2: 2, 3: 1},
            {0: 10000, 1: 9000, 2: 8000},
            {0: 5, 1: 4, 2: 4},
            {0: 5, 1: 4, 2: 3},
        ],
        zo=('cos', 9.0, 0.7, 0.0),
        z=('sin', 2.0, 1.0, 0.0),
        f1=(2, 3, 8, 8),
        f2=(2, 4, 4, 4),
        lg=(4, 4),
        f1o=('sin', 1.2, 0.37, 0.0),
        f1n=('sin', 1.1, 0.37, 0.25),
        f2o=('cos', 0.8, 0.53, 0.0),
        f2n=('cos', 0.9, 0.53, 0.2),
        lo=('cos', 1.5, 0.7, 0.0),
        ln=('sin', 2.0, 1.0, 0.0),
        ssul_zo=('cos', 4.0, 0.7, 0.0),
        ssul_z=('sin', 2.0, 1.0, 0.0),
        sal=(3, 0),
        dkd_z=('sin', 2.0, 1.0, 0.0),
        dkd_zo=('cos', 1.5, 0.7, 0.0),
        d=3,
        hw=(2, 3),
        x=('sin', 1.3, 0.9, 0.0),
        xo=('sin', 1.1, 0.9, 0.3),
        w=('sin', 0.8, 1.7, 0.5),
        wo=('sin', 0.7, 1.7, 0.4),
        seed=0.0,
        cand=[
            ('a', [1]),
            ('b', [1, 2]),
            ('c', [2]),
            ('d', [3, 1]),
            ('e', [3]),
            ('f', [1]),
            ('g', [2, 3]),
            ('h', [1]),
        ],
        mem=5,
        mem_classes=[1, 2, 3],
    )
}
#: Other sizes and other waves; one new class, and more new classes than old ones.
SETS['one_new'] = SETS['shown'] | dict(
    K=6,
    Ct=1,
    N=3,
    H=5,
    W=3,
    rules=[(5, 1, 6), (11, 2, 255)],
    conf=[(0, 6.0, 11), (0, 3.5, 9), (1, 4.0, 5), (3, 6.5, 7), (3, 4.5, 1), (5, 3.0, 4)],
    zo=('sin', 8.0, 0.9, 0.4),
    f1=(3, 2, 9, 9),
    f2=(3, 5, 5, 5),
    lg=(6, 6),
    f2n=('sin', 1.3, 0.21, 0.7),
    ln=('cos', 1.7, 0.6, 0.2),
    ssul_zo=('sin', 3.0, 0.5, 1.0),
    sal=(4, 1),
    hw=(3, 3),
    d=4,
    seed=0.6,
    cand=[('p', [2]), ('q', [1, 3]), ('r', [3]), ('s', [3, 2]), ('t', [4])],
    mem=9,
    mem_classes=[3, 1, 2],
)
SETS['many_new'] = SETS['shown'] | dict(
    K=2,
    Ct=3,
    N=1,
    H=6,
    W=6,
    rules=[(4, 1, 2), (6, 2, 3), (10, 5, 4), (17, 3, 255)],
    conf=[(0, 5.5, 3), (0, 2.5, 8), (1, 6.0, 2)],
    zo=('cos', 6.0, 1.1, 0.3),
    z=('cos', 1.4, 0.8, 0.1),
    f1=(1, 4, 7, 7),
    f2=(1, 2, 4, 4),
    lo=('sin', 1.2, 0.5, 0.6),
    dkd_zo=('sin', 2.5, 1.3, 0.2),
    x=('cos', 0.9, 0.8, 0.1),
    seed=1.3,
    mem=3,
    mem_classes=[2, 3, 1],
)


def ramp(shape):
    """0, 1, 2, ... in C order."""
    return torch.arange(math.prod(shape), dtype=torch.float64).reshape(shape)


def wave(shape, function, amplitude, frequency, phase):
    return amplitude * WAVES[function](frequency * ramp(shape) + phase)


def labels(shape, rules):
    place = ramp(shape).long()
    made = torch.zeros_like(place)
    for modulus, remainder, label in rules:
        made[place % modulus == remainder] = label
    return made


def build(which):
    """Inputs of a set of ``SETS``, or of parameters of the same form, by method."""
    p = SETS[which] if isinstance(which, str) else which
    old, new = p['K'], p['Ct']
    size = p['N'], p['H'], p['W']
    sizes = dict(K=old, Ct=new)
    y = labels(size, p['rules'])

    def logits(name, channels):
        return wave((size[0], channels, *size[1:]), *p[name])

    return dict(
        plop_pseudo=dict(
            sizes,
            C=old + new,
            y=y,
            zo=logits('zo', old),
            z=logits('z', old + new),
            zc=confident_picture(old, p['conf']),
            hist=histograms(p['hist']),
        ),
        features=feature_maps(p, old, new) | dict(sizes, C=old + new),
        ssul=dict(
            sizes,
            y=y,
            sal=ramp(size).long() % p['sal'][0] == p['sal'][1],
            zo=logits('ssul_zo', old + 1),
            z=logits('ssul_z', old + new + 1),
            thr=0.7,
        ),
        dkd=dict(
            sizes,
            y=y,
            z=logits('dkd_z', old + new),
            zo=logits('dkd_zo', old),
            x=wave((size[0], p['d'], *p['hw']), *p['x']).abs(),
            xo=wave((size[0], p['d'], *p['hw']), *p['xo']).abs(),
            w=wave((old + new - 1, p['d']), *p['w']),
            wo=wave((old - 1, p['d']), *p['wo']),
        ),
        ewf=sizes | states(old, new, p['seed']),
        merge=branches(p['seed']),
        dft=dict(sizes, future=2, y=y, z=logits('z', old + new + 2)),
        nest=pre_tuning(old, new, p['seed']) | sizes,
        memory=dict(candidates=p['cand'], size=p['mem'], classes=p['mem_classes']),
    )


def confident_picture(num_old, pixels):
    """One row of background pixels; a pixel's logit is its margin at its class, 0 elsewhere."""
    columns = list(itertools.chain(*([(c, margin)] * count for c, margin, count in pixels)))
    picture = torch.zeros(1, num_old, 1, len(columns), dtype=torch.float64)
    for place, (c, margin) in enumerate(columns):
        picture[0, c, 0, place] = margin
    return picture


def histograms(rows):
    made = torch.zeros(len(rows), 100, dtype=torch.long)
    for place, row in enumerate(rows):
        for level, count in row.items():
            made[place, int(level)] = count
    return made


def feature_maps(p, old, new):
    first, second, num = p['f1'], p['f2'], p['f1'][0]
    return dict(
        f1o=wave(first, *p['f1o']),
        f1n=wave(first, *p['f1n']),
        f2o=wave(second, *p['f2o']),
        f2n=wave(second, *p['f2n']),
        lo=wave((num, old, *p['lg']), *p['lo']),
        ln=wave((num, old + new, *p['lg']), *p['ln']),
    )


def states(old, new, seed):
    """States of two steps; the classifiers of the first are frozen in the second."""

    def trunk(conv, shift):
        return {
            'conv': wave((2, 3), 'sin', conv, 1.0, shift),
            'bn.weight': 1 + wave((2,), 'sin', 0.3, 1.0, shift),
            'bn.bias': wave((2,), 'cos', 0.2, 1.0, shift),
            'bn.mean': wave((2,), 'sin', 0.5, 2.0, shift),
            'bn.var': 1 + wave((2,), 'cos', 0.4, 2.0, shift),
        }

    kept = {
        'cls0.weight': wave((old, 2), 'sin', 0.6, 0.9, seed),
        'cls0.bias': wave((old,), 'cos', 0.3, 0.9, seed),
    }
    added = {
        'cls1.weight': wave((new, 2), 'sin', 0.5, 1.3, seed),
        'cls1.bias': wave((new,), 'cos', 0.4, 1.3, seed),
    }
    return dict(old=trunk(1.0, seed) | kept, new=trunk(1.1, seed + 0.2) | kept | added)


def branches(seed):
    """Two branches, each a 3x3 convolution (the first with a bias) and its norm."""

    def four(function, amplitude, frequency):
        return wave((4,), function, amplitude, frequency, seed)

    return dict(
        k1=wave((4, 3, 3, 3), 'sin', 0.5, 0.31, seed),
        c1=four('cos', 0.2, 1.0),
        g1=1 + four('sin', 0.5, 1.0),
        b1=four('cos', 0.3, 1.0),
        m1=four('sin', 0.4, 0.7),
        v1=1 + four('cos', 0.6, 0.7),
        k2=wave((4, 3, 3, 3), 'cos', 0.4, 0.29, seed),
        g2=1 + four('cos', 0.5, 1.0),
        b2=four('sin', 0.3, 1.0),
        m2=four('cos', 0.4, 0.7),
        v2=1 + four('sin', 0.6, 0.7),
        x=wave((1, 3, 5, 5), 'sin', 1.0, 0.47, seed),
        eps=1e-5,
    )


def pre_tuning(old, new, seed):
    return dict(
        w=wave((old, 5), 'sin', 0.6, 0.9, seed),
        b=wave((old,), 'cos', 0.3, 0.9, seed),
        m=0.5 + wave((new, old, 5), 'sin', 0.5, 0.43, seed).abs(),
        p=wave((new, old), 'cos', 0.8, 1.1, seed),
        mb=1 + wave((1, 5), 'sin', 0.1, 1.0, seed),
        pb=torch.full((1, 1), 1.1, dtype=torch.float64),
        nb=wave((new,), 'cos', 0.2, 0.8, seed),
    )
