"""A tiny stock config for every decode head that mmseg registers."""

from mmengine.config import ConfigDict
from mmseg.registry import MODELS

_BN = dict(type='BN')

#: Four levels of 8, 16, 32 and 64 channels at strides 4, 8, 8 and 8.
_RESNET = dict(
    type='ResNet',
    depth=18,
    stem_channels=8,
    base_channels=8,
    strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4),
    norm_cfg=_BN,
)
#: Four maps of 16 channels, of one size.
_VIT = dict(
    type='VisionTransformer',
    img_size=(64, 64),
    embed_dims=16,
    num_layers=4,
    num_heads=2,
    mlp_ratio=2,
    out_indices=(0, 1, 2, 3),
    with_cls_token=False,
)
_VIT_WITH_TOKEN = dict(_VIT, with_cls_token=True, output_cls_token=True)

_DEEPEST = dict(in_channels=64, in_index=3, channels=16, norm_cfg=_BN)
_PYRAMID = dict(in_channels=[8, 16, 32, 64], in_index=[0, 1, 2, 3], channels=16, norm_cfg=_BN)
_MAPS = dict(in_channels=[16] * 4, in_index=[0, 1, 2, 3], channels=16, norm_cfg=_BN)

#: Heads that grow, by the name of their type.
GROWING: dict[str, dict] = {
    'ANNHead': dict(_DEEPEST, in_channels=[32, 64], in_index=[2, 3], project_channels=8),
    'APCHead': dict(_DEEPEST),
    'ASPPHead': dict(_DEEPEST, dilations=(1, 2)),
    'BiSeNetIncrementalHead': dict(_DEEPEST),
    'DMHead': dict(_DEEPEST),
    'DNLHead': dict(_DEEPEST),
    'DPTHead': dict(
        _MAPS,
        embed_dims=16,
        post_process_channels=[8, 8, 8, 8],
        readout_type='project',
        input_transform='multiple_select',
    ),
    'DepthwiseSeparableASPPHead': dict(_DEEPEST, dilations=(1, 2), c1_in_channels=8, c1_channels=4),
    'DepthwiseSeparableFCNHead': dict(_DEEPEST),
    'EMAHead': dict(_DEEPEST, ema_channels=16, num_bases=4, num_stages=2),
    'EncHead': dict(_PYRAMID, num_codes=4, use_se_loss=False, add_lateral=True),
    'FCNHead': dict(_DEEPEST),
    'FPNHead': dict(_PYRAMID, feature_strides=[4, 8, 8, 8]),
    'GCHead': dict(_DEEPEST),
    'ISAHead': dict(_DEEPEST, isa_channels=8, down_factor=(2, 2)),
    'LRASPPHead': dict(
        _PYRAMID,
        in_channels=(8, 16, 64),
        in_index=(0, 1, 3),
        input_transform='multiple_select',
        branch_channels=(4, 4),
    ),
    'LightHamHead': dict(
        _DEEPEST,
        in_channels=[16, 32, 64],
        in_index=[1, 2, 3],
        ham_channels=16,
        ham_kwargs=dict(MD_R=4),
    ),
    'NLHead': dict(_DEEPEST),
    'PSPHead': dict(_DEEPEST, pool_scales=(1, 2)),
    'SETRMLAHead': dict(_MAPS, mla_channels=4),
    'SETRUPHead': dict(_DEEPEST, in_channels=16, norm_layer=dict(type='LN')),
    'SegformerHead': dict(_PYRAMID),
    'UPerHead': dict(_PYRAMID, pool_scales=(1, 2)),
}

#: Heads that cannot, with what the one line of the refusal says.
REFUSED: dict[str, tuple[dict, str]] = {
    'CCHead': (dict(_DEEPEST), 'cannot be built .*CrissCrossAttention'),
    'DAHead': (dict(_DEEPEST, pam_channels=4), 'pam_conv_seg.* depends on the number of classes'),
    'DDRHead': (dict(_DEEPEST, in_index=-1), 'aux_cls_seg.* depends on the number of classes'),
    'IterativeDecodeHead': (
        dict(num_stages=1, kernel_generate_head={}, kernel_update_head=[{}]),
        'takes no loss_decode',
    ),
    'KernelUpdateHead': (dict(), 'no BaseDecodeHead'),
    'KernelUpdator': (dict(), 'no BaseDecodeHead'),
    'Mask2FormerHead': (dict(), 'no BaseDecodeHead'),
    'MaskFormerHead': (dict(), 'no BaseDecodeHead'),
    'OCRHead': (dict(_DEEPEST, ocr_channels=8), 'output of another head'),
    'PIDHead': (dict(_DEEPEST, in_index=-1), 'p_cls_seg.* depends on the number of classes'),
    'PSAHead': (dict(_DEEPEST, mask_size=(8, 8)), 'cannot be built .*PSAMask'),
    'PointHead': (dict(_DEEPEST), 'output of another head'),
    'STDCHead': (dict(_DEEPEST), 'does not learn the labels of the classes'),
    'SegmenterMaskTransformerHead': (
        dict(in_channels=64, in_index=3, channels=16, num_layers=1, num_heads=2, embed_dims=16),
        'does not classify with a 1x1 convolution conv_seg',
    ),
    'SideAdapterCLIPHead': (
        dict(num_classes=3, san_cfg={}, maskgen_cfg={}), 'loss\\(\\) of its own'
    ),
    'VPDDepthHead': (dict(), 'takes no num_classes'),
}  # fmt: skip

_BACKBONES = {
    'DPTHead': _VIT_WITH_TOKEN,
    'LRASPPHead': dict(_RESNET, strides=(1, 1, 1, 1), dilations=(1, 1, 1, 1)),
    'SETRMLAHead': _VIT,
    'SETRUPHead': _VIT,
}

#: Width and height of the pictures; the pooling window of LRASPP is 49 of its pixels wide.
SIZES = {'LRASPPHead': 200}


def registered_heads() -> set[str]:
    """Types of mmseg's own decode heads."""
    return {
        name
        for name, kind in MODELS.module_dict.items()
        if kind.__module__.startswith('mmseg.models.decode_heads')
    }


def model_config(name: str) -> ConfigDict:
    """Config of stock mmseg without a number of classes and without a loss."""
    return ConfigDict(
        type='EncoderDecoder',
        backbone=_BACKBONES.get(name, _RESNET),
        decode_head=dict(GROWING[name], type=name),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )
