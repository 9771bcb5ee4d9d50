"""Polygons and run lengths of a COCO file."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from ...errors import InputError, told_as
from ...tasks.task import VOID
from ...utils.quiet import quiet
from .base import MaskSource, empty_mask, number_classes, stem_of


class CocoMasks(MaskSource):
    """Instances of a COCO file as masks of classes.

    The classes are its categories, by their ids. Where instances overlap, the smaller lies on top;
    a crowd is void, since it has no outlines.

    Args:
        path: The file.
        content: What is in it.

    Raises:
        InputError: If pycocotools is missing or the file lacks entries.
    """

    kind = 'annotations of COCO'

    def __init__(self, path: str, content: Mapping) -> None:
        try:
            from pycocotools.coco import COCO
        except ImportError:
            raise InputError(
                f"{path}: needs pycocotools (pip install 'mmseg-incremental[coco]')"
            ) from None
        with told_as(f'{path} cannot be read as {self.kind}'):
            categories = sorted(content['categories'], key=lambda category: category['id'])
            super().__init__(path, number_classes([str(c['name']) for c in categories]))
            self._values = {c['id']: self.classes[str(c['name'])] for c in categories}
            self._coco = COCO()
            self._coco.dataset = content
            with quiet():
                self._coco.createIndex()
            self._instances = defaultdict(list)
            for instance in content['annotations']:
                self._instances[instance['image_id']].append(instance)
        if lost := set(self._instances) - set(self._coco.imgs):
            raise InputError(f'{path}: annotations of picture {min(lost)}, which is not listed')

    @staticmethod
    def fits(content: object) -> bool:
        """Whether a JSON file holds such annotations."""
        return isinstance(content, dict) and {'images', 'annotations', 'categories'} <= set(content)

    def __len__(self) -> int:
        return len(self._coco.imgs)

    def masks(self) -> Iterator[tuple[str, np.ndarray]]:
        """Path of every picture without its suffix, and its instances as a mask."""
        for key, picture in self._coco.imgs.items():
            where = f'{self.path}: picture {key}'
            with told_as(f'{where} cannot be drawn'):
                mask = empty_mask(picture['height'], picture['width'], where)
                self._draw(mask, self._instances[key])
                name = picture['file_name']
            yield stem_of(name, where), mask

    def _draw(self, mask: np.ndarray, instances: list[Mapping]) -> None:
        shapes = [(self._coco.annToMask(i).astype(bool), i) for i in instances]
        for shape, instance in sorted(shapes, key=lambda pair: -int(pair[0].sum())):
            crowd = instance.get('iscrowd', 0)
            mask[shape] = VOID if crowd else self._values[instance['category_id']]
