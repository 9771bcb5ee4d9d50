"""A survey by two processes. A spawned process cannot import a test file, but it can this one."""

import torch
from mmseg.registry import TASK_UTILS
from torch import distributed, multiprocessing

from mmseg_incremental import methods  # noqa: F401  registers the surveys


def surveyed_by_two(configs, channels, batches, folder):
    """What each of two processes finds that take every other batch: one list of results each."""
    arguments = (f'file://{folder}/store', configs, channels, batches, str(folder))
    multiprocessing.spawn(_survey, arguments, nprocs=2)
    return [torch.load(folder / f'{rank}.pt') for rank in range(2)]


def _survey(rank, address, configs, channels, batches, folder):
    torch.set_num_threads(1)
    distributed.init_process_group('gloo', init_method=address, rank=rank, world_size=2)
    found = []
    for config in configs:
        survey = TASK_UTILS.build(config)
        survey.start(channels)
        for batch in batches[rank::2]:
            survey.observe(batch)
        found.append(survey.finish())
    torch.save(found, f'{folder}/{rank}.pt')
    distributed.destroy_process_group()
