"""What the background of one picture is at each step."""

from matplotlib.figure import Figure
from scenes import INK, NAMES, TASK, Shape, draw_label, save

SCENE = (Shape(1, 0.25, 0.7), Shape(2, 0.72, 0.72), Shape(3, 0.27, 0.27), Shape(4, 0.7, 0.27))


def main() -> None:
    """Draw the label of every step beside the whole one."""
    figure = Figure(figsize=(8.2, 2.7), layout='constrained')
    whole, *steps = figure.subplots(1, 1 + TASK.num_steps)
    draw_label(whole, SCENE, range(1, 1 + len(NAMES)))
    whole.set_title('in the picture', color=INK)
    for step, axes in enumerate(steps):
        new = TASK.new_classes(step)
        draw_label(axes, SCENE, new)
        hidden = [name for label, name in enumerate(NAMES, 1) if label not in new]
        axes.set_title(f'label of step {step}', color=INK)
        axes.set_xlabel('labelled background:\n' + '\n'.join(hidden), fontsize=8, color=INK)
    save(figure, __file__)


if __name__ == '__main__':
    main()
