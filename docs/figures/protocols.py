"""Which pictures a step sees in each setting, and what is labelled in them."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scenes import INK, NAMES, TASK, Shape, draw_label, save

from mmseg_incremental.datasets import SETTINGS, select_images
from mmseg_incremental.datasets.label_table import labelled_classes

STEP, SEED = 1, 0
SCENES = (
    (Shape(1, 0.3, 0.6), Shape(2, 0.7, 0.35)),
    (Shape(3, 0.5, 0.45),),
    (Shape(1, 0.3, 0.65), Shape(3, 0.65, 0.35)),
    (Shape(3, 0.3, 0.35), Shape(4, 0.68, 0.65)),
    (Shape(2, 0.3, 0.7), Shape(3, 0.7, 0.7), Shape(4, 0.5, 0.28)),
    (Shape(4, 0.5, 0.5),),
)


def main() -> None:
    """Draw a row for each setting below the pictures with all their labels."""
    figure = Figure(figsize=(8.2, 7), layout='constrained')
    grid = figure.subplots(1 + len(SETTINGS), len(SCENES))
    for axes, scene in zip(grid[0], SCENES, strict=True):
        draw_label(axes, scene, range(1, 1 + len(NAMES)))
        axes.set_title('\n'.join(NAMES[s.label - 1] for s in scene), fontsize=7.5)
    name_row(grid[0][0], 'all labels')
    class_sets = [{shape.label for shape in scene} for scene in SCENES]
    for row, setting in zip(grid[1:], SETTINGS, strict=True):
        chosen = select_images(class_sets, TASK, STEP, setting, seed=SEED)
        for position, (axes, scene) in enumerate(zip(row, SCENES, strict=True)):
            if position in chosen:
                draw_label(axes, scene, labelled_classes(TASK, STEP, setting))
            else:
                axes.set_axis_off()
                axes.text(0.5, 0.5, 'not seen', ha='center', color='#8a939d')
        name_row(row[0], setting)
    figure.suptitle(
        'Step 1 learns the triangle; disc and square are old, the pentagon comes later\n'
        '(dotted: in the picture, but background in the label)',
        fontsize=9.5,
        color=INK,
    )
    save(figure, __file__)


def name_row(axes: Axes, name: str) -> None:
    """Write a name to the left of a row, also where the axes themselves are hidden."""
    axes.text(
        -0.12, 0.5, name, rotation=90, ha='right', va='center', transform=axes.transAxes, color=INK
    )


if __name__ == '__main__':
    main()
