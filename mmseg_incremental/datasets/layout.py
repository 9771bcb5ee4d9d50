"""Where in a folder the pictures and their masks are."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError

_PICTURE_FOLDERS = (
    'JPEGImages', 'images', 'image', 'imgs', 'img', 'img_dir', 'leftImg8bit', 'pictures',
)  # fmt: skip
#: Where masks are made of other annotations.
MASKS_MADE = 'label_masks'
MASK_FOLDERS = (
    MASKS_MADE, 'SegmentationClass', 'masks', 'mask', 'labels', 'label', 'annotations', 'ann_dir',
    'annot', 'gtFine', 'gt',
)  # fmt: skip
PICTURE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
_SPLITS = ('', 'train', 'training', 'val', 'validation', 'test')


def find_layout(root: str | os.PathLike, split: str | None = None) -> dict:
    """Keys of a ``BaseSegDataset`` for the pictures and masks in a folder.

    A folder of pictures lies beside one of masks, each with one of the usual names; both may have
    the same folders for the splits. A mask is called as its picture up to a suffix, the same for
    all.

    Args:
        root: The folder.
        split: Name of the split's folders, or of its list in ``ImageSets/Segmentation``; None takes
            all there is.

    Returns:
        ``data_prefix``, ``img_suffix`` and ``seg_map_suffix``, with ``ann_file`` if there is a
        list of the split.

    Raises:
        InputError: If there are no such folders, or no mask fits a picture.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f'{root}: folder not found')
    for pictures, masks in _pairs(root, split):
        if found := _suffixes(root / pictures, root / masks):
            layout = dict(
                data_prefix=dict(img_path=pictures, seg_map_path=masks),
                img_suffix=found[0],
                seg_map_suffix=found[1],
            )
            listing = f'ImageSets/Segmentation/{split}.txt'
            return (
                {**layout, 'ann_file': listing} if split and (root / listing).is_file() else layout
            )
    raise InputError(
        f'{root}: no folder of pictures beside one of masks (8-bit PNG) named alike, such as '
        'images/ and masks/, or JPEGImages/ and SegmentationClass/; name yours in '
        'train_dataloader.dataset of a config'
    )


def _pairs(root: Path, split: str | None) -> Iterator[tuple[str, str]]:
    for pictures in _PICTURE_FOLDERS:
        for masks in MASK_FOLDERS:
            both = (pictures, masks)
            listed = split and (root / f'ImageSets/Segmentation/{split}.txt').is_file()
            for name in ('',) if split is None or listed else (split,):
                pair = tuple(f'{folder}/{name}' if name else folder for folder in both)
                if all((root / folder).is_dir() for folder in pair):
                    yield pair


def _common_length(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _suffixes(pictures: Path, masks: Path) -> tuple[str, str] | None:
    """Suffixes of pictures and masks, from the first mask that fits a picture."""
    names = sorted(
        path.relative_to(pictures).as_posix()
        for path in pictures.rglob('*')
        if path.suffix.lower() in PICTURE_SUFFIXES
    )
    for name in names[:20]:
        folder = (masks / name).parent
        if not folder.is_dir():
            continue
        stem = os.path.basename(name)
        fits = [
            (_common_length(stem, path.name), path.name)
            for path in sorted(folder.iterdir())
            if path.suffix.lower() == '.png'
        ]
        length, mask = max(fits, default=(0, ''))
        whole = len(os.path.splitext(stem)[0])
        length = min(length, whole)
        while length and stem[length - 1] in '._-':
            length -= 1
        if length and (length == whole or stem[length] in '._-'):
            return stem[length:], mask[length:]
    return None
