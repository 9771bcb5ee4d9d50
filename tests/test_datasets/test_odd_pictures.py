"""Pictures and masks that one reader takes and another does not, or that lie about themselves."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mmseg_incremental.datasets.sample_check import Sample, inspect_sample


@pytest.fixture
def sample(tmp_path):
    """A sound picture and mask."""
    Image.new('RGB', (12, 8)).save(tmp_path / 'a.jpg')
    Image.new('L', (12, 8), 3).save(tmp_path / 'a.png')
    return Sample(str(tmp_path / 'a.jpg'), str(tmp_path / 'a.png'))


def turned(sample, orientation, size):
    exif = Image.Exif()
    exif[274] = orientation
    Image.new('RGB', size).save(sample.image, exif=exif)


def test_sound_sample(sample):
    assert inspect_sample(sample) == ([3], [8, 12], '')


@pytest.mark.parametrize('orientation', [2, 3, 4])
def test_picture_that_is_turned_under_its_mask_is_refused(sample, orientation):
    turned(sample, orientation, (12, 8))
    problem = inspect_sample(sample).problem
    assert f'EXIF orientation {orientation}' in problem
    assert 'without the tag' in problem


def test_square_picture_that_is_turned_is_refused(sample):
    turned(sample, 6, (8, 8))
    Image.new('L', (8, 8), 3).save(sample.mask)
    assert 'EXIF orientation 6' in inspect_sample(sample).problem


@pytest.mark.parametrize('value', [0, 9, 300])
def test_orientation_that_there_is_not_is_nothing(sample, value):
    turned(sample, value, (12, 8))
    assert inspect_sample(sample) == ([3], [8, 12], '')


@pytest.mark.parametrize(('kind', 'count'), [(2, 3), (3, 2), (12, 1), (7, 4), (99, 1)])
def test_orientation_of_another_type_is_nothing(sample, kind, count):
    entry = struct.pack('<HHI', 274, kind, count) + b'xy\0\0'
    exif = b'Exif\0\0II*\0\x08\0\0\0\x01\0' + entry + b'\0' * 12
    Image.new('RGB', (12, 8)).save(sample.image, exif=exif)
    assert inspect_sample(sample) == ([3], [8, 12], '')


@pytest.mark.parametrize('size', [(12, 8), (200, 104), (8, 8), (104, 104)])
def test_orientation_that_only_opencv_reads_is_refused(sample, size):
    entry = struct.pack('>HHIHH', 274, 3, 0x790001, 5, 0)
    exif = b'Exif\0\0MM\0*\0\0\0\x08\0\1' + entry + b'\0' * 4
    noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save(sample.image, exif=exif)
    for mask in (size, size[::-1]):
        Image.new('L', mask, 3).save(sample.mask)
        assert 'readers disagree on its EXIF orientation' in inspect_sample(sample).problem


@pytest.mark.parametrize('kind', ['JPEG', 'BMP', 'GIF', 'TIFF', 'WEBP'])
def test_mask_that_is_no_png_is_refused(sample, kind):
    Image.new('L', (12, 8), 3).save(sample.mask, kind)
    assert f'{sample.mask}: mask is a {kind}; it must be' in inspect_sample(sample).problem


@pytest.mark.parametrize('kind', ['TGA', 'ICO', 'PCX'])
def test_picture_that_opencv_does_not_read_is_refused(sample, kind):
    Image.new('RGB', (12, 8)).save(
        sample.image, kind, **({'sizes': [(12, 8)]} if kind == 'ICO' else {})
    )
    problem = inspect_sample(sample).problem
    assert problem.startswith(f'{sample.image}: picture cannot be read (OpenCV does not read this')


@pytest.mark.parametrize('mode', ['I', 'F'])
def test_tiff_of_numbers_is_judged_by_opencv(sample, mode):
    import mmcv

    Image.new(mode, (12, 8)).save(sample.image, 'TIFF')
    with open(sample.image, 'rb') as file:
        read = mmcv.imfrombytes(file.read())
    assert bool(inspect_sample(sample).problem) == (read is None)


def png_header(width, height):
    ihdr = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + ihdr + struct.pack('>I', zlib.crc32(ihdr))


@pytest.mark.parametrize('place', [0, 1], ids=['picture', 'mask'])
def test_decompression_bomb_is_told(sample, place):
    with open(sample[place], 'wb') as file:
        file.write(png_header(100_000, 100_000))
    problem = inspect_sample(sample).problem
    assert problem.startswith(f'{sample[place]}: ')
    assert 'cannot be read' in problem
    assert '\n' not in problem


@pytest.mark.parametrize('kind', ['AVIF', 'DDS', 'WEBP', 'TIFF', 'PNG', 'GIF', 'BMP', 'PPM'])
def test_damage_of_any_format_is_told(sample, kind):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(sample.image, kind)
    with open(sample.image, 'rb') as file:
        whole = file.read()
    for _ in range(40):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        data[rng.integers(0, len(data))] ^= 1 << int(rng.integers(0, 8))
        with open(sample.image, 'wb') as file:
            file.write(data)
        found = inspect_sample(sample)
        assert '\n' not in found.problem
        assert not found.problem or found.problem.startswith((sample.image, sample.mask))


@pytest.mark.parametrize('place', [0, 1], ids=['picture', 'mask'])
def test_pipe_is_not_waited_for(sample, place):
    os.remove(sample[place])
    os.mkfifo(sample[place])
    assert 'is no regular file' in inspect_sample(sample).problem
