"""Which method acts at which moment of a step, as its config says."""

from pathlib import Path

from matplotlib.figure import Figure
from mmengine.config import Config
from scenes import COLORS, INK, save

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'methods'
MOMENTS = {
    'model\nis built': ('extra_channels', 'structure', 'trainable'),
    'before\nthe step': ('memory', 'classifier_init', 'survey'),
    'every\niteration': ('targets', 'loss', 'distillation', 'importance'),
    'after\nstep': ('after_step',),
    'at\ntest': ('link',),
}
#: What a plain fine-tuning has too, and so no moment of a method.
PLAIN = {'loss': dict(type='CrossEntropyLoss'), 'classifier_init': 'random'}
METHODS = (
    'ft', 'frozen', 'lwf', 'ilt', 'ewc', 'pi', 'rw', 'mib', 'fuce', 'mib_dpce', 'mib_m', 'ewf',
    'rcil', 'plop', 'plop_m', 'nest_plop', 'ewf_plop', 'dft', 'ssul', 'ssul_m', 'dkd', 'dkd_m',
)  # fmt: skip


def main() -> None:
    """Draw a row for each method and a column for each part, in the order of acting."""
    parts = [part for group in MOMENTS.values() for part in group]
    figure = Figure(figsize=(8.2, 7), layout='constrained')
    axes = figure.add_subplot()
    for row, name in enumerate(METHODS):
        method = Config.fromfile(CONFIGS / f'{name}.py').method
        axes.axhline(row, color=COLORS[0], linewidth=0.8, zorder=0)
        acts = [i for i, p in enumerate(parts) if method.get(p) and method[p] != PLAIN.get(p)]
        axes.plot(acts, [row] * len(acts), 'o', color=COLORS[1], markersize=8)
    left = -0.5
    for moment, group in MOMENTS.items():
        right = left + len(group)
        axes.axvline(right, color=INK, linewidth=0.6)
        axes.text(
            (left + right) / 2, -2.6, moment, ha='center', va='center',
            color=INK, weight='bold', fontsize=8.5,
        )  # fmt: skip
        left = right
    axes.set(xlim=(-0.5, len(parts) - 0.5), ylim=(len(METHODS) - 0.5, -0.5))
    axes.set_yticks(range(len(METHODS)), METHODS)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(parts)), parts, rotation=20, ha='left', fontsize=8)
    axes.tick_params(length=0, colors=INK)
    for spine in axes.spines.values():
        spine.set_color(COLORS[0])
    save(figure, __file__)


if __name__ == '__main__':
    main()
