"""Pictures, masks and lists that are broken in any way."""

import io
import os
import random
import signal
import warnings
from pathlib import Path

import mmcv
import numpy as np
import pytest
from chaos.session import DONE, start, wait
from PIL import Image

from mmseg_incremental.datasets import DataError, read_class_index
from mmseg_incremental.datasets.class_index import Sample
from mmseg_incremental.datasets.inner_dataset import build_inner_dataset
from mmseg_incremental.datasets.sample_check import inspect_sample
from mmseg_incremental.errors import InputError
from mmseg_incremental.tasks import get_task
from mmseg_incremental.utils.cache_folder import VARIABLE

pytestmark = pytest.mark.chaos

PICTURES = ['JPEG', 'JPEG', 'PNG', 'BMP', 'WEBP', 'TIFF', 'GIF', 'AVIF', 'DDS', 'TGA', 'ICO', 'PPM']
MASKS = ['PNG', 'PNG', 'PNG', 'JPEG', 'BMP', 'TIFF', 'GIF']
MODES = ['RGB', 'RGB', 'L', 'P', 'RGBA', '1', 'I;16', 'F', 'LA', 'CMYK']


def encoded(rng: random.Random, kinds: list[str], modes: list[str], size: tuple) -> bytes:
    """A picture of noise in some format, or bytes that are none."""
    pixels = np.frombuffer(rng.randbytes(size[0] * size[1] * 3), np.uint8)
    image = Image.fromarray(pixels.reshape(size[1], size[0], 3) // 16)
    buffer, more = io.BytesIO(), {}
    try:
        mode = rng.choice(modes)
        image = image.convert('L').convert(mode) if mode in ('I;16', 'F') else image.convert(mode)
        if rng.random() < 0.2:
            exif = Image.Exif()
            exif[274] = rng.randrange(10)
            more = {'exif': exif}
        image.save(buffer, rng.choice(kinds), **more)
    except (OSError, ValueError, KeyError, TypeError, SystemError):
        return rng.randbytes(rng.randrange(200))
    return buffer.getvalue()


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Bytes of which half are left as they are."""
    if not data or rng.random() < 0.5:
        return data
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data))
        data[place] = rng.randrange(256)
    return bytes(data[: rng.randrange(1, len(data) + 1)]) if rng.random() < 0.4 else bytes(data)


def test_pictures_and_masks(tmp_path: Path, session) -> None:
    """What the check accepts is what the loader of the training reads."""
    sample = Sample(str(tmp_path / 'a.jpg'), str(tmp_path / 'a.png'))
    with session('pictures and masks', 0.06) as tries, warnings.catch_warnings():
        warnings.simplefilter('ignore')

        def attempt(rng: random.Random) -> None:
            size = rng.randint(1, 12), rng.randint(1, 12)
            other = size if rng.random() < 0.8 else size[::-1]
            picture = damaged(encoded(rng, PICTURES, MODES, size), rng)
            mask = damaged(encoded(rng, MASKS, ['L', 'L', 'P', 'RGB', '1', 'I;16'], other), rng)
            Path(sample.image).write_bytes(picture)
            Path(sample.mask).write_bytes(mask)
            found = inspect_sample(sample)
            assert '\n' not in found.problem, found.problem
            if found.problem:
                tries.count('refused')
                return
            read = mmcv.imfrombytes(picture)
            assert read is not None, f'accepted, but not read: {picture[:40]!r}'
            labels = mmcv.imfrombytes(mask, flag='unchanged', backend='pillow').squeeze()
            labels = labels.reshape(found.size)
            assert list(read.shape[:2]) == found.size, (read.shape, found.size)
            assert np.unique(labels).tolist() == found.labels

        tries.attempt(attempt)


def test_lists(small: Path, tmp_path: Path, session) -> None:
    path = tmp_path / 'train.txt'
    names = (small / 'ImageSets/Segmentation/train.txt').read_text().split()
    cfg = dict(
        type='mmseg.BaseSegDataset', data_root=str(small), ann_file=str(path), pipeline=[],
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        img_suffix='.jpg', seg_map_suffix='.png',
    )  # fmt: skip
    with session('lists', 0.05) as tries:

        def attempt(rng: random.Random) -> None:
            text = rng.choice(['\n', '\r\n', '\n\n', ' \n']).join(names) + rng.choice(['', '\n'])
            encoding = rng.choice(['utf-8', 'utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-32'])
            content = damaged(text.encode(encoding), rng)
            path.unlink(missing_ok=True)
            kind = rng.random()
            if kind < 0.03:
                os.mkfifo(path)
            else:
                path.write_bytes(content)
            signal.alarm(20)
            try:
                inner = build_inner_dataset(cfg, get_task('shapes', '4-1'), False)
                positions, samples = inner.list_pictures()
                read_class_index(list(dict.fromkeys(samples)), {i: i for i in range(256)})
            except InputError:
                tries.count('refused')
                return
            finally:
                signal.alarm(0)
            ids = [Path(s.image).stem for s in samples]
            assert len(positions) == len(ids)
            assert set(ids) <= set(names), f'{set(ids) - set(names)} accepted'

        tries.attempt(attempt)


def test_four_writers_of_one_index(small: Path, tmp_path: Path, session, monkeypatch) -> None:
    samples = [
        Sample(str(small / f'JPEGImages/{path.stem}.jpg'), str(path))
        for path in sorted((small / 'SegmentationClass').glob('*.png'))
    ]
    meaning = {i: i for i in range(256)}
    monkeypatch.setenv(VARIABLE, str(tmp_path / 'apart'))
    whole = dict(zip(samples, read_class_index(samples, meaning), strict=True))
    with session('four writers of one index', 0.05) as tries:

        def attempt(rng: random.Random) -> None:
            cache = tmp_path / f'cache_{tries.tries}'
            monkeypatch.setenv(VARIABLE, str(cache))

            def read(chosen: list[Sample]) -> None:
                for _ in range(3):
                    found = read_class_index(chosen, meaning)
                    if found != [whole[sample] for sample in chosen]:
                        raise DataError('index', ['wrong entries'])

            chosen = [rng.sample(samples, rng.randint(1, len(samples))) for _ in range(4)]
            log = tmp_path / 'writers.log'
            processes = [start(lambda part=part: read(part), log) for part in chosen]
            if rng.random() < 0.3:
                os.kill(processes[0], signal.SIGKILL)
            codes = [wait(process) for process in processes]
            assert codes[1:] == [DONE] * 3, log.read_text()[-600:]
            assert read_class_index(samples, meaning) == list(whole.values())

        tries.attempt(attempt)
