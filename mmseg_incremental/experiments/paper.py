"""The tables of the paper: what it printed, and the runs that give ours.

The paper is Bosio, Fantolino, Macchia, *Incremental Learning in Semantic Segmentation*. Its
values are mIoU in per cent without background unless a column says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

Options = Mapping[str, object]


@dataclass(frozen=True)
class Row:
    """A row of a table of the paper.

    Args:
        label: What the row is called.
        config: Name of the config leaf, without suffix.
        options: Config entries that the leaf does not have.
        paper: Column to the value that the paper printed, if it has this row.
        section: Heading of the part of the table that the row belongs to.
    """

    label: str
    config: str
    options: Options = field(default_factory=dict)
    paper: Mapping[str, float] = field(default_factory=dict)
    section: str = ''


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper, at one schedule.

    Args:
        title: What it shows.
        columns: Column to the metric of ours that stands in it.
        rows: The rows.
        order: Labels in the order in which the first column should rise, as groups of equals.
        baseline: Label that the others are compared with.
        epochs: Whether the columns are moments of the training instead of its end.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Row]
    order: Sequence[Sequence[str]] = ()
    baseline: str | None = None
    epochs: bool = False


_METHODS = {'FT': 'ft', 'LwF': 'lwf', 'ILT': 'ilt', 'MiB': 'mib'}
_ORDER = (('FT',), ('LwF', 'ILT'), ('MiB',), ('Joint',))

_TABLE4 = {
    '15-5': {
        # "all" of FT is printed as .766; 7.67 is what its groups give
        'FT': (0.336, 29.66, 7.67),
        'LwF': (50.09, 32.22, 45.62),
        'ILT': (54.88, 33.28, 49.48),
        'MiB': (65.08, 39.48, 58.68),
        'Joint': (73.31, 64.64, 71.15),
    },
    '15-5s': {
        'FT': (0.000, 1.479, 0.369),
        'LwF': (5.806, 11.37, 7.198),
        'ILT': (4.742, 5.509, 4.933),
        'MiB': (36.67, 9.989, 30.00),
        'Joint': (73.31, 64.64, 71.15),
    },
}
_TABLE5 = {
    (1, 1): (67.27, 28.46, 57.57),
    (1, 1.5): (67.73, 28.91, 58.02),
    (1, 2): (67.27, 28.17, 57.50),
    (1, 2.5): (67.95, 27.44, 57.82),
    (2, 1.5): (67.29, 32.91, 58.70),
    (3, 1.5): (65.77, 33.08, 57.60),
}
#: Joint is evaluated while it learns, so that Tables 3 and 4 of the short schedule share the run.
_JOINT_SHORT: Options = {'step_schedule.first.num_evaluations': 6}
_UNCE = (67.66, 30.47, 58.36)
_GROUPS = ('old', 'new', 'all')


def _groups(values: Sequence[float]) -> dict[str, float]:
    return dict(zip(_GROUPS, values, strict=True))


def _focal(alpha: float, gamma: float) -> Options:
    return {'method.loss.alpha': alpha, 'method.loss.gamma': gamma}


def _table2(schedule: str) -> PaperTable:
    printed = {'r18': (88.7, 59.0), 'r50': (90.5, 65.0), 'r101': (91.0, 67.0)}
    task = 'voc_offline' if schedule == 'paper' else 'voc_animals-offline'
    rows = [
        Row(
            f'ResNet-{name[1:]}',
            f'bisenet_{name}_{task}',
            paper={'precision': values[0], 'mIoU': values[1]},
        )
        for name, values in printed.items()
    ]
    return PaperTable(
        'Table 2: offline BiSeNet (precision is pixel accuracy; the paper does not say whether '
        'its mIoU counts the background, ours does)',
        {'precision': 'pixel acc.', 'mIoU': 'all + bg'},
        rows,
    )


def _table3(schedule: str) -> PaperTable:
    printed = {
        ('r50', 'plain'): (62.1, 63.4, 64.1),
        ('r50', 'augmented'): (47.7, 61.2, 64.9),
        ('r101', 'plain'): (66.2, 66.0, 66.0),
        ('r101', 'augmented'): (53.6, 65.9, 68.7),
    }
    columns = ('epoch 10', 'epoch 20', 'epoch 30')
    if schedule == 'paper':
        rows = [
            Row(
                f'ResNet-{network[1:]} {kind}',
                f'bisenet_{network}_voc_offline' + ('_augmented' if kind == 'augmented' else ''),
                {'step_schedule.first.num_evaluations': 3},
                dict(zip(columns, values, strict=True)),
            )
            for (network, kind), values in printed.items()
        ]
    else:
        columns = ('1/3', '2/3', 'end')
        leaf, options = 'bisenet_r18_voc_animals-offline', _JOINT_SHORT
        rows = [
            Row('ResNet-18 plain', leaf, options),
            Row('ResNet-18 augmented', f'{leaf}_augmented', options),
        ]
    return PaperTable(
        'Table 3: data augmentation, mIoU while learning (with background)',
        dict.fromkeys(columns, 'all + bg'),
        rows,
        epochs=True,
    )


def _table4(schedule: str) -> PaperTable:
    rows = []
    if schedule == 'paper':
        for task, printed in _TABLE4.items():
            rows += [
                Row(name, f'bisenet_r101_voc_{task}_{leaf}', {}, _groups(printed[name]), task)
                for name, leaf in _METHODS.items()
            ]
            joint = _groups(printed['Joint'])
            rows.append(Row('Joint', 'bisenet_r101_voc_offline', {}, joint, task))
    else:
        leaf = 'bisenet_r18_voc_animals'
        together, singly = 'both at once', 'one by one'
        rows += [
            Row(n, f'{leaf}_{m}', {}, _groups(_TABLE4['15-5'][n]), together)
            for n, m in _METHODS.items()
        ]
        joint = _groups(_TABLE4['15-5']['Joint'])
        rows.append(Row('Joint', f'{leaf}-offline', _JOINT_SHORT, joint, together))
        rows += [
            Row(n, f'{leaf}-s_{_METHODS[n]}', {}, _groups(_TABLE4['15-5s'][n]), singly)
            for n in ('FT', 'MiB')
        ]
    return PaperTable(
        'Table 4: methods, mIoU without background after the last step',
        dict(zip(_GROUPS, _GROUPS, strict=True)),
        rows,
        order=_ORDER,
    )


def _table5(schedule: str) -> PaperTable:
    if schedule == 'paper':
        leaf, focal = 'bisenet_r101_voc_15-5', list(_TABLE5)
        length = {'step_schedule.first.epochs': 20, 'step_schedule.later.epochs': 20}
    else:
        leaf, focal = 'bisenet_r18_voc_animals', [(1, 2), (2, 1.5)]
        length = {}
    rows = [Row('UNCE', f'{leaf}_mib', length, _groups(_UNCE))]
    rows += [
        Row(f'FUCE({a}, {g})', f'{leaf}_fuce', {**_focal(a, g), **length}, _groups(_TABLE5[a, g]))
        for a, g in focal
    ]
    rows.append(Row('UNCE + DPCE', f'{leaf}_mib_dpce', length))
    return PaperTable(
        'Table 5: focal unbiased cross-entropy (alpha, gamma), and the distance-penalised one '
        'beside it; mIoU without background after the last step',
        dict(zip(_GROUPS, _GROUPS, strict=True)),
        rows,
        baseline='UNCE',
    )


#: Crop size to the largest batch and the share of GPU memory that Table 1 lists for it.
TABLE1: Mapping[int, tuple[int, int]] = MappingProxyType(
    {344: (16, 40), 368: (32, 72), 512: (32, 78), 392: (64, 96), 320: (96, 96)}
)


def paper_table(name: str, schedule: str) -> PaperTable:
    """A table that is made of trainings.

    Args:
        name: ``'table2'`` to ``'table5'``.
        schedule: ``'paper'``, the paper's own recipe, or ``'short'``, the animals of Pascal VOC
            with ResNet-18 at crop 128, sized for two CPU cores.

    Returns:
        The table.
    """
    makers = {'table2': _table2, 'table3': _table3, 'table4': _table4, 'table5': _table5}
    return makers[name](schedule)
