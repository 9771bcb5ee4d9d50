"""A sampler whose draws carry the seed of their augmentation."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmseg.registry import DATA_SAMPLERS


class Draw(NamedTuple):
    """One draw of a picture.

    Args:
        index: Position of the picture in the data set.
        seed: Seed of the picture's augmentation.
    """

    index: int
    seed: int

    def seed_everything(self) -> None:
        """Seed the generators that transforms draw from."""
        random.seed(self.seed)
        np.random.seed(self.seed)
        torch.default_generator.manual_seed(self.seed)


@DATA_SAMPLERS.register_module()
class SeededInfiniteSampler(InfiniteSampler):
    """Shuffle endlessly, and give every draw its own seed.

    The seed follows from the run's seed and the draw's place in the stream. Augmentation then
    does not depend on the number of workers, nor on how often a run was interrupted: a resumed
    run sees exactly the pictures and crops that it would have seen.
    """

    def _indices_of_rank(self) -> Iterator[Draw]:
        place = self.rank
        for index in super()._indices_of_rank():
            seed = np.random.SeedSequence([self.seed, place]).generate_state(1)[0]
            yield Draw(index, int(seed))
            place += self.world_size
