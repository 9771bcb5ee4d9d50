"""The forward pass of the old model."""

import copy
from dataclasses import replace

import torch
from mmseg.registry import MODELS
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.harness import Result, compare, device, peak_flops
from benchmarks.networks import batch, model_config, old_model_config
from mmseg_incremental.models.folding import fold_batch_norm


def measure(rounds: int) -> list[Result]:
    """Folded, channels-last and in inference mode, against all heads run as in training."""
    results = []
    for num, crop in ((4, 256), (4, 512)):
        torch.manual_seed(0)
        plain = MODELS.build(old_model_config(model_config('mib'))).to(device()).eval()
        folded = fold_batch_norm(copy.deepcopy(plain))
        pictures = batch(num, crop)[0]

        def ours(folded: torch.nn.Module = folded, pictures: torch.Tensor = pictures) -> None:
            with torch.inference_mode():
                same = pictures.contiguous(memory_format=torch.channels_last)
                folded.decode_head(folded.extract_feat(same))

        def reference(plain: torch.nn.Module = plain, pictures: torch.Tensor = pictures) -> None:
            with torch.no_grad():
                features = plain.extract_feat(pictures)
                for head in (plain.decode_head, *plain.auxiliary_head):
                    head(features)

        result = compare(f'R18, batch {num}, {crop}x{crop}', ours, reference, rounds)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            plain.decode_head(plain.extract_feat(pictures))
        share = counter.get_total_flops() / result.ours / peak_flops()
        note = f'{share:.0%} of the arithmetic of a large matrix product'
        results.append(replace(result, note=note))
    return results
