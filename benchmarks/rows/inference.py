"""A finished step against stock mmseg, and its export."""

import torch
from mmseg.registry import MODELS

from benchmarks.harness import Result, compare, device
from benchmarks.networks import batch, model_config
from benchmarks.rows.iteration import stock_student
from mmseg_incremental.export import Labeller
from mmseg_incremental.models.folding import fold_batch_norm

STEPS = (16, 1, 1, 1, 1, 1)


def measure(rounds: int) -> list[Result]:
    """The network after six steps, one picture of 512x512 pixels."""
    stock = stock_student().eval()
    cfg = model_config('ft', sizes=STEPS)
    own = MODELS.build(cfg).to(device()).eval()
    own.load_state_dict(stock.state_dict())
    picture = batch(1, 512)[0]
    raw = torch.randint(0, 256, picture.shape, dtype=torch.uint8).to(device())
    plain = Labeller(stock, cfg.data_preprocessor).to(device()).eval()
    folded = Labeller(fold_batch_norm(stock), cfg.data_preprocessor).to(device()).eval()
    program = torch.export.export(folded, (raw,)).module()

    def logits(model: torch.nn.Module) -> None:
        with torch.inference_mode():
            model.decode_head(model.extract_feat(picture))

    def label(model: torch.nn.Module) -> None:
        with torch.inference_mode():
            model(raw)

    return [
        compare(
            'R18 after 6 steps, 512x512, against stock mmseg',
            lambda: logits(own),
            lambda: logits(stock),
            rounds,
        ),
        compare(
            'folded export, pixels to labels, against stock mmseg',
            lambda: label(program),
            lambda: label(plain),
            rounds,
        ),
    ]
