"""Colours of class labels."""


def color_palette(num_labels: int) -> list[list[int]]:
    """Colours of Pascal VOC, continued for any number of labels.

    The bits of a label are dealt to the three channels in turn, the lowest to the strongest bit
    of a channel.

    Args:
        num_labels: Number of labels, background included; at most 256.

    Returns:
        For each label its ``[red, green, blue]``, 0 to 255.

    Example:
        >>> color_palette(4)
        [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    colors = []
    for label in range(num_labels):
        color = [0, 0, 0]
        for bit in range(8):
            color[bit % 3] |= (label >> bit & 1) << (7 - bit // 3)
        colors.append(color)
    return colors
