"""Pascal VOC 2012 with the extra SBD labels ("train_aug") from the official archives."""

import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import rich.progress
from PIL import Image
from rich.console import Console
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from ..errors import InputError
from ..utils.download import download
from ..utils.palette import color_palette
from ..utils.voc_layout import staged_dataset

VOC_PAGE = 'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/'
VOC_URL = 'https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar'
VOC_MD5 = '6cd6e144f989b92b3379bac3b3de84fd'
SBD_PAGE = 'http://home.bharathh.info/pubs/codes/SBD/download.html'
SBD_URL = (
    'https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/'
    'semantic_contours/benchmark.tgz'
)
SBD_MD5 = '82b4d87ceb2ed10f6038a1cba92111cb'

EXPECTED_COUNTS = {'train': 1464, 'val': 1449, 'trainval': 2913, 'train_aug': 10582}

_VOC_LABELS = r'(?:.*/)?VOC2012/(SegmentationClass/\w+\.png|ImageSets/Segmentation/\w+\.txt)'
_VOC_IMAGES = r'(?:.*/)?VOC2012/(JPEGImages/\w+\.jpg)'
_SBD_LABELS = r'(?:.*/)?dataset/(cls/\w+\.mat|(?:train|val)\.txt)'


def train_aug_ids(train: list[str], val: list[str], sbd: list[str]) -> list[str]:
    """List the augmented training set: every labelled picture that VOC does not validate on.

    Args:
        train: VOC's own training pictures.
        val: VOC's validation pictures.
        sbd: The pictures of SBD, its own training and validation list together.

    Returns:
        The ids in the order of the published ``train_aug`` list, which is the sorted one.

    >>> train_aug_ids(['2007_000032'], ['2007_000033'], ['2008_000008', '2007_000033'])
    ['2007_000032', '2008_000008']
    """
    return sorted((set(train) | set(sbd)) - set(val))


def prepare_voc(
    out_dir: str | Path,
    voc_archive: str | Path,
    sbd_archive: str | Path,
    force: bool = False,
    expected_counts: Mapping[str, int] = EXPECTED_COUNTS,
) -> None:
    """Write the data set; masks are VOC's own where they exist and SBD's for the other pictures.

    Args:
        out_dir: Folder of the data set.
        voc_archive: The tar file of the VOC 2012 training and validation data.
        sbd_archive: The tar file of the SBD benchmark.
        force: Replace a data set that is there.
        expected_counts: Number of pictures that every list must have.

    Raises:
        InputError: If an archive is damaged or the result is not complete.
        FileExistsError: If ``out_dir`` has content and must not be replaced.
    """
    with staged_dataset(out_dir, force=force) as stage:
        lists = stage / 'ImageSets/Segmentation'
        for name, data in _members(voc_archive, _VOC_LABELS):
            (stage / name).write_bytes(data)
        sbd = _convert_sbd(sbd_archive, stage / 'SegmentationClass')
        aug = train_aug_ids(_ids(lists / 'train.txt'), _ids(lists / 'val.txt'), sbd)
        (lists / 'train_aug.txt').write_text(''.join(f'{i}\n' for i in aug), encoding='utf-8')

        for name, data in _members(voc_archive, _VOC_IMAGES):
            if (stage / 'SegmentationClass' / Path(name).with_suffix('.png').name).exists():
                (stage / name).write_bytes(data)
        _check(stage, expected_counts)


def _members(archive: str | Path, pattern: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive whose path matches, named by the group of the pattern.

    Nothing is unpacked: the patterns leave no room for names that point outside of a folder.
    """
    title, console = f'reading {Path(archive).name}', Console(stderr=True)
    try:
        with (
            rich.progress.open(archive, 'rb', description=title, console=console) as file,
            tarfile.open(fileobj=file) as tar,
        ):
            for member in tar:
                match = re.fullmatch(pattern, member.name, re.ASCII)
                if match and member.isfile():
                    yield match[1], tar.extractfile(member).read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f'{archive} is damaged or no tar archive: {error}') from error


def _convert_sbd(archive: str | Path, masks: Path) -> list[str]:
    """Convert the SBD labels of the pictures that have no mask yet and return all SBD ids."""
    palette = np.ravel(color_palette(256)).tolist()
    ids = []
    for name, data in _members(archive, _SBD_LABELS):
        if name.endswith('.txt'):
            ids += data.decode().split()
            continue
        path = masks / f'{Path(name).stem}.png'
        if path.exists():
            continue
        mask = Image.fromarray(_sbd_label(name, data))
        mask.putpalette(palette)
        mask.save(path)
    return ids


def _sbd_label(name: str, data: bytes) -> np.ndarray:
    try:
        label = loadmat(io.BytesIO(data))['GTcls'][0]['Segmentation'][0]
    except (LookupError, TypeError, ValueError, MatReadError, zlib.error) as error:
        raise InputError(f'{name} is no SBD label: {error}') from error
    if label.ndim != 2 or label.min() < 0 or label.max() > 255:
        raise InputError(f'{name} is no SBD label: its values do not fit into 8 bits')
    return label.astype(np.uint8)


def _ids(path: Path) -> list[str]:
    return path.read_text(encoding='utf-8').split() if path.exists() else []


def _check(root: Path, expected_counts: Mapping[str, int]) -> None:
    """Compare the lists with the expected counts and with the files that they name."""
    lists = {name: _ids(root / f'ImageSets/Segmentation/{name}.txt') for name in expected_counts}
    problems = [
        f'{name} has {len(lists[name])} pictures, expected {count}'
        for name, count in expected_counts.items()
        if len(lists[name]) != count
    ]
    listed = sorted(set().union(*lists.values()))
    for folder, suffix in (('JPEGImages', 'jpg'), ('SegmentationClass', 'png')):
        missing = [i for i in listed if not (root / f'{folder}/{i}.{suffix}').exists()]
        if missing:
            problems.append(f'{len(missing)} files are missing in {folder}, first {missing[0]}')
    if problems:
        raise InputError('the archives are not complete: ' + '; '.join(problems))


def sources(voc_archive: Path, sbd_archive: Path) -> dict[Path, tuple[str, str]]:
    """Address and MD5 sum of the published archives, by the paths where they are wanted."""
    return {voc_archive: (VOC_URL, VOC_MD5), sbd_archive: (SBD_URL, SBD_MD5)}


def check_archives(archives: Mapping[Path, tuple[str, str]]) -> None:
    """Compare the archives with the MD5 sums of the published ones; a tar file has no checksum.

    Raises:
        InputError: If one differs.
    """
    for path, (_, md5) in archives.items():
        title, console = f'checking {path.name}', Console(stderr=True)
        digest = hashlib.md5()
        with rich.progress.open(path, 'rb', description=title, console=console) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        if digest.hexdigest() != md5:
            raise InputError(
                f'{path} is damaged or not the published archive: its MD5 is {digest.hexdigest()}, '
                f'expected {md5}; --no-check takes it all the same'
            )


def provide(archives: Mapping[Path, tuple[str, str]], fetch: bool) -> None:
    """Make sure that the archives exist.

    Args:
        archives: Path to address and MD5 sum.
        fetch: Whether to download those that are missing.

    Raises:
        FileNotFoundError: If one is missing and not fetched.
        DownloadError: If one cannot be had.
    """
    missing = [path for path in archives if not path.is_file()]
    if missing and not fetch:
        raise FileNotFoundError(
            f'missing: {", ".join(map(str, missing))}. Get VOCtrainval_11-May-2012.tar from '
            f'{VOC_PAGE} and benchmark.tgz from {SBD_PAGE} and pass their paths with '
            '--voc-archive and --sbd-archive, or add --download to fetch what is missing'
        )
    for path in missing:
        url, md5 = archives[path]
        download(url, path, md5=md5)
