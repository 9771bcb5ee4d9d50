"""R101, crop 512, batch 24, step 1 of 15-5 with MiB, on a GPU."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Result, medians, peak_flops
from benchmarks.networks import batch, iteration, model_config, student
from mmseg_incremental.engine.compile_hook import compile_model

NUM, CROP = 24, 512


def measure(rounds: int) -> list[Result]:
    """Fast path in bfloat16 against the plain path in float32 with TF32."""
    if not torch.cuda.is_available():
        return []
    data = batch(NUM, CROP)
    calls, peaks = {}, {}
    for name, fast, dtype in (('fast', True, torch.bfloat16), ('plain', False, None)):
        model = student(model_config('mib', fast, depth=101))
        if fast:
            compile_model(model)
        calls[name] = iteration(model, data, dtype)
        calls[name]()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        calls[name]()
        peaks[name] = (torch.cuda.max_memory_allocated() - before) / 1e6
    with FlopCounterMode(display=False) as counter:
        calls['plain']()
    found = medians(calls, rounds)
    share = counter.get_total_flops() / found['fast'] / peak_flops(torch.bfloat16)
    where = f'R101, batch {NUM}, {CROP}x{CROP}'
    speeds = (NUM / found['fast'], NUM / found['plain'])
    note = f'{share:.0%} of the arithmetic of a large bfloat16 product'
    return [
        Result(f'{where}, speed', *speeds, unit='pictures/s', note=note, better='more'),
        Result(f'{where}, peak beyond the networks', peaks['fast'], peaks['plain'], unit='MB'),
    ]
