"""The forward pass of the old model."""

import copy

import torch
from mmseg.registry import MODELS

from benchmarks.harness import Result, compare, device
from benchmarks.networks import batch, model_config
from mmseg_incremental.engine.step_config import old_model_config
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

        results.append(compare(f'R18, batch {num}, {crop}x{crop}', ours, reference, rounds))
    return results
