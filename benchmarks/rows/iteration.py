"""A whole iteration of training without its data: what does MiB cost over fine-tuning?"""

import copy
from collections.abc import Callable

import torch
from mmseg.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Result, device, medians, peak_flops
from benchmarks.networks import batch, iteration, model_config, sequence, student
from mmseg_incremental.engine.compile_hook import compile_model
from mmseg_incremental.sequence import plain_config

NUM, CROP = 4, 256


def stock_student() -> torch.nn.Module:
    """Mmseg's own segmentor with its own cross-entropy: fine-tuning as any user of mmseg does."""
    plain = copy.deepcopy(plain_config(sequence('ft').step(1)).model)
    for head in (plain.decode_head, *plain.auxiliary_head):
        head.num_classes = sum(model_config('ft').classes_per_step)
    return MODELS.build(plain).to(device()).train()


def measure(rounds: int) -> list[Result]:
    """FT and MiB, fast and plain, the old model's forward pass alone, and the floor."""
    data = batch(NUM, CROP)
    models = {
        f'{method} {"fast" if fast else "plain"}': student(model_config(method, fast))
        for fast in (True, False)
        for method in ('ft', 'mib')
    }
    calls = {name: iteration(model, data) for name, model in models.items()}
    calls['mib amp'] = iteration(student(model_config('mib')), data, torch.bfloat16)
    compiled = student(model_config('mib'))
    compile_model(compiled)
    calls['mib compiled'] = iteration(compiled, data)
    calls['ft stock'] = iteration(stock_student(), data)
    pictures = data[0].contiguous(memory_format=torch.channels_last)
    calls['old model'] = lambda: models['mib fast']._old_outputs(pictures, [])
    found = medians(calls, rounds)
    where = f'R18, batch {NUM}, {CROP}x{CROP}'
    floor = 1 + found['old model'] / found['ft fast']
    share = _flops(calls['mib fast']) / found['mib fast'] / peak_flops()
    return [
        Result(f'FT iteration, {where}', found['ft fast'], found['ft plain']),
        Result(
            f'MiB iteration, {where}',
            found['mib fast'],
            found['mib plain'],
            note=f'{share:.0%} of the arithmetic of a large matrix product',
        ),
        Result('MiB iteration in bfloat16, against float32', found['mib amp'], found['mib fast']),
        Result('MiB iteration compiled, against eager', found['mib compiled'], found['mib fast']),
        Result(
            'MiB / FT, both fast or both plain',
            found['mib fast'] / found['ft fast'],
            found['mib plain'] / found['ft plain'],
            unit='x',
            note=f'floor {floor:.2f}: FT and the old model alone',
        ),
        Result(
            "MiB / mmseg's own FT, MiB fast or plain",
            found['mib fast'] / found['ft stock'],
            found['mib plain'] / found['ft stock'],
            unit='x',
        ),
    ]


def _flops(call: Callable[[], None]) -> int:
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()
