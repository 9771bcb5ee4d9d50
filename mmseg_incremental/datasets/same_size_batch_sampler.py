"""Batches of pictures of one size, the same whatever the number of processes."""

from collections.abc import Iterator

from mmengine.dist import get_dist_info
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from ..errors import InputError


@DATA_SAMPLERS.register_module()
class SameSizeBatchSampler(Sampler[list[int]]):
    """Evaluate pictures of one size together, each picture once.

    mmseg evaluates only pictures of one size in one batch. The batches are made for the whole
    data set, in the order of its list; then process r of R gets batches r, r + R, ... Since
    whole batches are dealt, a picture has the same neighbours, and so the same logits to the last
    digit, on any number of processes. The last batch of a size may be short, and nothing is
    repeated to fill it or to give each process as many.

    .. code:: python

        test_dataloader = dict(
            batch_size=4,
            batch_sampler=dict(type='SameSizeBatchSampler'),
            sampler=dict(type='DefaultSampler', shuffle=False, round_up=False),
        )

    Args:
        sampler: The loader's sampler; MMEngine wants one, but only its data set is used, which
            must have ``picture_sizes()``, as ``StepDataset`` has.
        batch_size: Pictures in a batch at most.

    Raises:
        InputError: If the batch size is not positive or the data set does not know its sizes.
    """

    def __init__(self, sampler: Sampler, batch_size: int) -> None:
        if batch_size < 1:
            raise InputError(f'batch_size={batch_size}: must be at least 1')
        dataset = getattr(sampler, 'dataset', None)
        if not hasattr(dataset, 'picture_sizes'):
            raise InputError(
                f'SameSizeBatchSampler needs the sizes of the pictures, and '
                f'{type(dataset).__name__} has no picture_sizes(); use a StepDataset, or set '
                'batch_sampler=None and batch_size=1'
            )
        rank, world_size = get_dist_info()
        self.batch_size = batch_size
        self.batches = _same_size_batches(dataset.picture_sizes(), batch_size)[rank::world_size]

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        """Batches of this process."""
        return len(self.batches)


def _same_size_batches(sizes: list[tuple[int, int]], batch_size: int) -> list[list[int]]:
    """Positions in batches, ordered by the first picture of each."""
    batches: list[list[int]] = []
    open_batches: dict[tuple[int, int], list[int]] = {}
    for position, size in enumerate(sizes):
        batch = open_batches.get(size)
        if batch is None or len(batch) == batch_size:
            batch = open_batches[size] = []
            batches.append(batch)
        batch.append(position)
    return batches
