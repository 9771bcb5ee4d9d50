"""A finished step as one file for inference with PyTorch alone."""

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import InputError
from ..models.folding import fold_batch_norm
from ..sequence.checkpoint import load_checkpoint, load_weights
from ..sequence.stored_config import read_literal_config, stored_config
from ..utils.files import replace_atomically

#: The file inside the exported one that tells what the labels mean.
METADATA = 'metadata.json'
_KEEP_PICTURES = {'LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs'}
_EXAMPLE_SIZE = (256, 320)


class Labeller(nn.Module):
    """From pictures to label maps: normalisation, network, logits at full size, maximum.

    Args:
        model: A stock segmentor in evaluation mode; auxiliary heads are left out.
        preprocessor: Config of its data preprocessor.
    """

    def __init__(self, model: EncoderDecoder, preprocessor: Mapping) -> None:
        super().__init__()
        self.backbone, self.decode_head = model.backbone, model.decode_head
        self.neck = model.neck if model.with_neck else nn.Identity()
        self.flip = preprocessor.get('bgr_to_rgb', False) or preprocessor.get('rgb_to_bgr', False)
        for name, default in (('mean', [0.0]), ('std', [1.0])):
            values = preprocessor.get(name) or default
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(-1, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Label every pixel.

        Args:
            pictures: uint8 of shape (N, 3, H, W), channels in the order blue, green, red.

        Returns:
            Labels, uint8 of shape (N, H, W).
        """
        inputs = pictures.float()
        inputs = ((inputs.flip(1) if self.flip else inputs) - self.mean) / self.std
        logits = self.decode_head(self.neck(self.backbone(inputs)))
        align = self.decode_head.align_corners
        logits = F.interpolate(logits, pictures.shape[-2:], mode='bilinear', align_corners=align)
        return logits.argmax(1).to(torch.uint8)


def export_step(
    config: str | os.PathLike,
    checkpoint: str | os.PathLike,
    out: str | os.PathLike,
    size: tuple[int, int] | None = None,
    fold: bool = True,
) -> None:
    """Write a finished step as a program of ``torch.export``.

    ``torch.export.load(out).module()`` needs PyTorch only. It takes pictures, uint8 of shape
    (N, 3, H, W) with the channels blue, green, red, and returns labels, uint8 of shape (N, H, W).
    ``metadata.json`` in its ``extra_files`` tells the classes and the palette.

    Args:
        config: The work dir, whose config is then that within the checkpoint, or a ``step_T.py``;
            it is read, not executed.
        checkpoint: ``step_T.pth``.
        out: The file to write, ``NAME.pt2``.
        size: Height and width, if they are to be fixed. Defaults to any.
        fold: Whether batch normalisation is folded into the convolutions, which is faster and
            changes labels only where rounding decides.

    Raises:
        InputError: If a file cannot be used or the network cannot be exported.
    """
    if Path(out).suffix != '.pt2':
        raise InputError(f'{out}: the exported file must be called NAME.pt2')
    if not Path(out).parent.is_dir():
        raise InputError(f'{out}: its folder does not exist')
    if size and min(size) < 1:
        raise InputError(f'size must be height and width in pixels, got {size}')
    content = load_checkpoint(checkpoint)
    meta = (content.get('meta') or {}).get('dataset_meta')
    if not meta or 'state_dict' not in content:
        raise InputError(f'{checkpoint}: not the checkpoint of a step')
    cfg = _plain_config(config, content, checkpoint)
    model = MODELS.build(cfg.model)
    load_weights(model, content['state_dict'], str(checkpoint))
    model.eval().requires_grad_(False)
    if fold:
        model = fold_batch_norm(model)
    program = _trace(Labeller(model, cfg.model.data_preprocessor), size)
    metadata = dict(
        classes=list(meta['classes']), palette=meta['palette'], size=size and list(size)
    )
    extra_files = {METADATA: json.dumps(metadata)}
    with warnings.catch_warnings():
        # folded weights are channels-last, which torch.export takes for a part of a tensor
        warnings.filterwarnings('ignore', 'No complete tensor found')
        replace_atomically(
            out, lambda name: torch.export.save(program, name, extra_files=extra_files)
        )


def _plain_config(
    config: str | os.PathLike, content: Mapping, checkpoint: str | os.PathLike
) -> Config:
    path = Path(config)
    if path.is_dir():
        if cfg := stored_config(content, checkpoint):
            return _check_exportable(cfg, checkpoint)
        path = path / f'{Path(checkpoint).stem}.py'
    if not path.is_file():
        raise InputError(f'{path}: config not found; training writes it beside step_T.pth')
    return _check_exportable(read_literal_config(path), path)


def _check_exportable(cfg: Config, path: str | os.PathLike) -> Config:
    model = cfg.get('model')
    head = model.get('decode_head') if isinstance(model, Mapping) else None
    if not isinstance(head, Mapping) or 'num_classes' not in head:
        raise InputError(f'{path}: not the plain config of a step, which is WORK_DIR/step_T.py')
    if model.type != 'EncoderDecoder':
        raise InputError(
            f'{path}: the decisions of its method are not those of stock mmseg, so that they '
            'cannot be exported'
        )
    changes = {transform.type for transform in cfg.get('test_pipeline', [])} - _KEEP_PICTURES
    if changes:
        raise InputError(f'{path}: {sorted(changes)} of its test_pipeline cannot be exported')
    if cfg.model.get('test_cfg', {}).get('mode', 'whole') != 'whole':
        raise InputError(f"{path}: only the test mode 'whole' can be exported")
    if cfg.model.data_preprocessor.get('test_cfg'):
        raise InputError(f'{path}: test_cfg of the data preprocessor cannot be exported')
    return cfg


def _trace(network: nn.Module, size: tuple[int, int] | None) -> torch.export.ExportedProgram:
    free = torch.export.Dim.DYNAMIC
    shape = {0: free} if size else {0: free, 2: free, 3: free}
    # 2 pictures: torch.export takes a size of 1 as fixed
    example = torch.zeros(2, 3, *(size or _EXAMPLE_SIZE), dtype=torch.uint8)
    try:
        with torch.no_grad():
            return torch.export.export(network.eval(), (example,), dynamic_shapes=(shape,))
    except Exception as error:  # what an unusual network does to the tracer is open
        reason = str(error).strip().split('\n')[0]
        hint = '' if size else '; a fixed size (--size H W) may help'
        raise InputError(f'the network cannot be exported{hint}: {reason}') from error
