"""Data sets of the field in the layout of their archives, counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Split:
    """Pictures and masks of a split.

    Args:
        pictures: Pattern of the pictures.
        masks: Pattern of the masks.
        number: How many the data set has.
    """

    pictures: str
    masks: str
    number: int


@dataclass(frozen=True)
class OfficialDataset:
    """A data set that has a config.

    Args:
        name: What it is called.
        config: Its file in ``configs/_base_/datasets``.
        splits: Its splits.
        hint: How missing masks are made.
    """

    name: str
    config: str
    splits: Mapping[str, Split]
    hint: str = ''

    def fits(self, root: Path) -> bool:
        """Whether a folder has the data set's folders of pictures."""
        parts = [split.pictures.partition('*')[0] for split in self.splits.values()]
        return all((root / part).is_dir() for part in parts)

    def describe(self, root: Path) -> list[str]:
        """Counts of every split beside what the data set has, and the options that use it."""
        lines = [f'the layout of {self.name}']
        for name, split in self.splits.items():
            pictures, masks = (len(list(root.glob(p))) for p in (split.pictures, split.masks))
            lines.append(f'{name}: {pictures} pictures and {masks} masks of {split.number}')
            if pictures != split.number:
                lines.append(f'problem: {name} has {pictures} pictures ({split.pictures})')
            if masks != pictures:
                hint = f'; {self.hint}' if self.hint else ''
                lines.append(f'problem: {name} has {masks} masks ({split.masks}){hint}')
        return [*lines, f'options: --cfg-options dataset={self.config} data_root={root}']


OFFICIAL = (
    OfficialDataset(
        'ADE20K (ADEChallengeData2016)',
        'ade20k',
        {
            'training': Split('images/training/*.jpg', 'annotations/training/*.png', 20210),
            'validation': Split('images/validation/*.jpg', 'annotations/validation/*.png', 2000),
        },
    ),
    OfficialDataset(
        'Cityscapes',
        'cityscapes',
        {
            name: Split(
                f'leftImg8bit/{name}/*/*_leftImg8bit.png',
                f'gtFine/{name}/*/*_gtFine_labelTrainIds.png',
                number,
            )
            for name, number in (('train', 2975), ('val', 500))
        },
        "csCreateTrainIdLabelImgs of Cityscapes' own scripts makes them",
    ),
)


def describe_official(root: Path) -> list[str]:
    """Lines about a folder that is laid out as an official data set; none for any other.

    Args:
        root: The folder.
    """
    for dataset in OFFICIAL:
        if dataset.fits(root):
            return dataset.describe(root)
    return []
