import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture
def make_voc(tmp_path: Path) -> Callable[..., Path]:
    """Write a data set in the layout of VOC: a noise picture for every mask, and a list."""

    def make(masks: Mapping[str, np.ndarray], name: str = 'data') -> Path:
        root = tmp_path / name
        rng = np.random.default_rng(0)
        for folder in ('JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'):
            (root / folder).mkdir(parents=True)
        for key, mask in masks.items():
            noise = rng.integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / 'JPEGImages' / f'{key}.jpg')
            # without compression masks of one size are files of one size
            Image.fromarray(mask.astype(np.uint8)).save(
                root / 'SegmentationClass' / f'{key}.png', compress_level=0
            )
        ids = ''.join(f'{key}\n' for key in masks)
        (root / 'ImageSets/Segmentation/train_aug.txt').write_text(ids)
        return root

    return make


@pytest.fixture
def keep_generators() -> Iterator[None]:
    """Put the global random generators back after a test that seeds them."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
