"""The tables of the paper: what it printed, and the runs that give ours.

The paper is Bosio, Fantolino, Macchia, *Incremental Learning in Semantic Segmentation*. Its
values are mIoU in per cent without background unless a column says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mmseg_incremental.experiments.method_comparison import CONTROL, CONTROL_OPTIONS

Options = Mapping[str, object]


@dataclass(frozen=True)
class Row:
    """A row of a table of the paper.

    Args:
        label: What the row is called.
        config: Name of the config leaf, without suffix.
        options: Config entries that the leaf does not have; ``method``, ``model``, ``task``,
            ``dataset`` and ``schedule`` name files of ``_base_`` in place of the leaf's.
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
        order: Labels in the order in which every column should rise, as groups of equals.
        control: Label of the row that evaluates step 0 as it is.
        baseline: Label that the others are compared with.
        epochs: Whether the columns are moments of the training instead of its end.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Row]
    order: Sequence[Sequence[str]] = ()
    control: str | None = None
    baseline: str | None = None
    epochs: bool = False


#: Label of a method to what tells it from the leaves, which are of MiB.
_METHODS: Mapping[str, Options] = MappingProxyType(
    {'FT': {'method': 'ft'}, 'LwF': {'method': 'lwf'}, 'ILT': {'method': 'ilt'}, 'MiB': {}}
)
#: The setting that the paper's code and MiB's use unless they are told otherwise.
_SETTING: Options = MappingProxyType({'setting': 'disjoint'})
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
_UNCE = (67.66, 30.47, 58.36)
_GROUPS = ('old', 'new', 'all')
#: Schedule to the leaf that learns all classes at once, and the depth of its network.
_OFFLINE = {
    'paper': ('bisenet_r101_voc_offline', 101),
    'short': ('bisenet_r18_voc_animals-offline', 18),
}


def _evaluations(number: int) -> Options:
    return {'step_schedule.first.num_evaluations': number}


#: Joint is evaluated while it learns, so that Tables 3 and 4 of the short schedule share the run.
_JOINT_SHORT = _evaluations(6)


def _groups(values: Sequence[float] | None) -> dict[str, float]:
    return dict(zip(_GROUPS, values, strict=True)) if values else {}


def _focal(alpha: float, gamma: float) -> Options:
    return {'method': 'fuce', 'method.loss.alpha': alpha, 'method.loss.gamma': gamma}


def _network(depth: int, leaf_depth: int, schedule: str) -> Options:
    """Another depth than the leaf's; in the paper each has its own batch and learning rate."""
    if depth == leaf_depth:
        return {}
    own = {'schedule': f'paper_r{depth}'} if schedule == 'paper' else {}
    return {'model': f'bisenet_r{depth}', **own}


def _table2(schedule: str) -> PaperTable:
    printed = {18: (88.7, 59.0), 50: (90.5, 65.0), 101: (91.0, 67.0)}
    leaf, leaf_depth = _OFFLINE[schedule]
    columns = {'precision': 'pixel acc.', 'mIoU': 'all + bg'}
    rows = [
        Row(
            f'ResNet-{depth}',
            leaf,
            _network(depth, leaf_depth, schedule),
            dict(zip(columns, values, strict=True)) if schedule == 'paper' else {},
        )
        for depth, values in printed.items()
    ]
    return PaperTable(
        'Table 2: offline BiSeNet (precision is pixel accuracy; the paper does not say whether '
        'its mIoU counts the background, ours does)',
        columns,
        rows,
    )


def _table3(schedule: str) -> PaperTable:
    printed = {
        (50, 'plain'): (62.1, 63.4, 64.1),
        (50, 'augmented'): (47.7, 61.2, 64.9),
        (101, 'plain'): (66.2, 66.0, 66.0),
        (101, 'augmented'): (53.6, 65.9, 68.7),
    }
    leaf, leaf_depth = _OFFLINE[schedule]
    if schedule == 'paper':
        columns, evaluations = ('epoch 10', 'epoch 20', 'epoch 30'), _evaluations(3)
    else:
        columns, evaluations = ('1/3', '2/3', 'end'), _JOINT_SHORT
        printed = {(18, 'plain'): (), (18, 'augmented'): ()}
    rows = []
    for (depth, kind), values in printed.items():
        options = {**_network(depth, leaf_depth, schedule), **evaluations}
        if kind == 'augmented':
            options['dataset'] = 'voc_augmented'
        paper = dict(zip(columns, values, strict=bool(values)))
        rows.append(Row(f'ResNet-{depth} {kind}', leaf, options, paper))
    return PaperTable(
        'Table 3: data augmentation, mIoU while learning (with background)',
        dict.fromkeys(columns, 'all + bg'),
        rows,
        epochs=True,
    )


def _table4(schedule: str) -> PaperTable:
    joint, _ = _OFFLINE[schedule]
    if schedule == 'paper':
        tasks = {task: (f'bisenet_r101_voc_{task}_mib', {}) for task in _TABLE4}
        joint_options: Options = {}
    else:
        leaf = 'bisenet_r18_voc_animals_mib'
        tasks = {'both at once': (leaf, {}), 'one by one': (leaf, {'task': 'voc_animals-s'})}
        joint_options = _JOINT_SHORT
    rows = []
    for task, (leaf, options) in tasks.items():
        printed = _TABLE4.get(task, {})
        common = {**_SETTING, **options}
        rows.append(Row(CONTROL, leaf, {**common, **CONTROL_OPTIONS}, {}, task))
        rows += [
            Row(name, leaf, {**common, **own}, _groups(printed.get(name)), task)
            for name, own in _METHODS.items()
        ]
        rows.append(Row('Joint', joint, joint_options, _groups(printed.get('Joint')), task))
    return PaperTable(
        'Table 4: methods in the disjoint setting, mIoU without background after the last step',
        dict(zip(_GROUPS, _GROUPS, strict=True)),
        rows,
        order=_ORDER,
        control=CONTROL,
    )


def _table5(schedule: str) -> PaperTable:
    if schedule == 'paper':
        leaf, focal = 'bisenet_r101_voc_15-5_mib', _TABLE5
        length = {'step_schedule.first.epochs': 20, 'step_schedule.later.epochs': 20}
    else:
        leaf, focal = 'bisenet_r18_voc_animals_mib', dict.fromkeys([(1, 2), (2, 1.5)])
        length = {}
    common = {**_SETTING, **length}
    rows = [Row('UNCE', leaf, common, _groups(_UNCE if schedule == 'paper' else None))]
    rows += [
        Row(f'FUCE({a}, {g})', leaf, {**_focal(a, g), **common}, _groups(printed))
        for (a, g), printed in focal.items()
    ]
    rows.append(Row('UNCE + DPCE', leaf, {'method': 'mib_dpce', **common}))
    return PaperTable(
        'Table 5: focal unbiased cross-entropy (alpha, gamma), and the distance-penalised one '
        'beside it; disjoint setting, mIoU without background after the last step',
        dict(zip(_GROUPS, _GROUPS, strict=True)),
        rows,
        baseline='UNCE',
    )


def _fixed_channels(schedule: str) -> PaperTable:
    leaf, _ = _OFFLINE[schedule]
    classes = {'paper': 21, 'short': 7}[schedule]
    auxiliary = {f'model.auxiliary_head.{i}.channels': classes for i in (0, 1)}
    narrow = {
        'model.backbone.out_channels': classes,
        'model.decode_head.in_channels': classes,
        'model.decode_head.channels': classes,
        **auxiliary,
    }
    columns = {'precision': 'pixel acc.', 'mIoU': 'all + bg'}
    depth = {'model': 'bisenet_r18'} if schedule == 'paper' else {}
    rows = [
        Row('32 channels', leaf, depth),
        Row(f'{classes} channels (one a class)', leaf, {**depth, **narrow}),
    ]
    return PaperTable(
        'Section 4.1: channels of the fusion module and the supervision maps, fixed or one a class',
        columns,
        rows,
        baseline='32 channels',
    )


#: The attempts of Table 1: batch, crop size, share of the GPU's memory.
TABLE1: Sequence[tuple[int, int, float]] = (
    (16, 344, 0.40),
    (16, 368, 0.43),
    (32, 368, 0.72),
    (32, 512, 0.78),
    (64, 392, 0.96),
    (96, 320, 0.96),
)
#: What Table 1 trains: ResNet-18, all classes at once.
TABLE1_ROW = Row('ResNet-18', _OFFLINE['paper'][0], {'model': 'bisenet_r18'})


def paper_table(name: str, schedule: str) -> PaperTable:
    """A table that is made of trainings.

    Args:
        name: ``'table2'`` to ``'table5'``, or ``'fixed_channels'``.
        schedule: ``'paper'``, the paper's own recipe, or ``'short'``, the animals of Pascal VOC
            with ResNet-18 at crop 128, sized for two CPU cores.

    Returns:
        The table.
    """
    makers = {
        'table2': _table2,
        'table3': _table3,
        'table4': _table4,
        'table5': _table5,
        'fixed_channels': _fixed_channels,
    }
    return makers[name](schedule)
