"""Label maps over a picture, with a legend that needs no colours to be read."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SMALLEST, _LARGEST = 360, 640  # width of a panel in pixels; one alone may be wider
_FONT, _GAP = 15, 6
#: Share of a picture from which on a region gets its number.
_NUMBERED = 0.004
_INK, _PAPER = (30, 30, 30), (255, 255, 255)


class Overlay:
    """Draws pictures of one set of classes.

    Args:
        classes: Name of every label.
        palette: Red, green and blue of every label; black is left clear.
        opacity: Of the colours, 0 to 1.
    """

    def __init__(
        self, classes: Sequence[str], palette: Sequence[Sequence[int]], opacity: float = 0.6
    ) -> None:
        self.classes = list(classes)
        self.colors = np.array(palette, dtype=np.uint8)
        self.opacity = opacity
        self._font = ImageFont.load_default(_FONT)

    def draw(
        self, picture: np.ndarray, maps: Mapping[str, np.ndarray], whole_legend: bool = False
    ) -> np.ndarray:
        """Draw one panel per label map; beside several of them stands the picture itself.

        Regions have numbers. The legend says for each number the class, and the share of its
        pixels in every panel.

        Args:
            picture: Red, green, blue; uint8 of shape (H, W, 3).
            maps: Title to labels of shape (H, W).
            whole_legend: Whether it names all classes, so that all drawings have one size.

        Returns:
            uint8 of shape (H', W', 3), H' and W' even.
        """
        several = len(maps) > 1
        panels = [self._panel('picture', picture)] if several else []
        panels += [
            self._panel(title if several else '', self._blend(picture, labels), labels)
            for title, labels in maps.items()
        ]
        row = np.concatenate(panels, 1)
        shares = np.stack([self._shares(labels) for labels in maps.values()], 1)
        shown = [k for k in range(len(self.classes)) if whole_legend or shares[k].any()]
        drawn = np.concatenate([row, self._legend(shown, shares, row.shape[1])])
        height, width = (size + size % 2 for size in drawn.shape[:2])
        return cv2.copyMakeBorder(
            drawn, 0, height - drawn.shape[0], 0, width - drawn.shape[1],
            cv2.BORDER_CONSTANT, value=_PAPER,
        )  # fmt: skip

    def _shares(self, labels: np.ndarray) -> np.ndarray:
        return np.bincount(labels.ravel(), minlength=len(self.classes)) / labels.size

    def _blend(self, picture: np.ndarray, labels: np.ndarray) -> np.ndarray:
        colors = self.colors[labels]
        mixed = cv2.addWeighted(colors, self.opacity, picture, 1 - self.opacity, 0)
        kernel = np.ones((2, 2), np.uint8)
        edge = cv2.morphologyEx(labels.astype(np.uint8), cv2.MORPH_GRADIENT, kernel) > 0
        clear = ~colors.any(2)
        out = np.where(clear[..., None], picture, mixed)
        out[edge & ~clear] = colors[edge & ~clear]
        return out

    def _panel(
        self, title: str, pixels: np.ndarray, labels: np.ndarray | None = None
    ) -> np.ndarray:
        height, width = pixels.shape[:2]
        wide = int(np.clip(width, _SMALLEST, _LARGEST if title else max(width, _SMALLEST)))
        size = wide, max(1, round(height * wide / width))
        way = Image.Resampling.NEAREST if wide > width else Image.Resampling.LANCZOS
        image = Image.fromarray(np.ascontiguousarray(pixels)).resize(size, way)
        if labels is not None:
            self._number(ImageDraw.Draw(image), labels, wide / width)
        if not title:
            return np.asarray(image)
        head = _FONT + 2 * _GAP
        framed = Image.new('RGB', (size[0] + _GAP, size[1] + head), _PAPER)
        framed.paste(image, (0, head))
        ImageDraw.Draw(framed).text((2, _GAP), title, _INK, self._font)
        return np.asarray(framed)

    def _number(self, pen: ImageDraw.ImageDraw, labels: np.ndarray, scale: float) -> None:
        """Write each class's number where it is deepest inside."""
        for label in np.unique(labels):
            mask = np.pad(labels == label, 1).astype(np.uint8)
            if not self.colors[label].any() or mask.mean() < _NUMBERED:
                continue
            depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)[1:-1, 1:-1]
            y, x = np.unravel_index(depth.argmax(), depth.shape)
            pen.text(((x + 0.5) * scale, (y + 0.5) * scale), str(label), _PAPER, self._font,
                     anchor='mm', stroke_width=2, stroke_fill=_INK)  # fmt: skip

    def _legend(self, shown: Sequence[int], shares: np.ndarray, width: int) -> np.ndarray:
        texts = {
            label: f'{label} {self.classes[label]}  '
            + ' / '.join(f'{100 * share:.0f}' for share in shares[label])
            + ' %'
            for label in shown
        }
        # as wide as it can become, so that it stands still in a video
        widest = max(self.classes, key=len) + '  000 ' + '100 / ' * shares.shape[1]
        cell = int(self._font.getlength(widest)) + _FONT + 4 * _GAP
        columns = max(1, width // cell)
        line = _FONT + _GAP
        rows = -(-len(shown) // columns)
        legend = Image.new('RGB', (width, rows * line + 2 * _GAP), _PAPER)
        pen = ImageDraw.Draw(legend)
        for place, (label, text) in enumerate(texts.items()):
            x, y = _GAP + place % columns * cell, _GAP + place // columns * line
            color = tuple(self.colors[label].tolist())
            pen.rectangle((x, y + 2, x + _FONT, y + _FONT + 1), color, outline=(128, 128, 128))
            pen.text((x + _FONT + _GAP, y), text, _INK, self._font)
        return np.asarray(legend)
