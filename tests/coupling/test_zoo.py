"""Networks of torchvision, one or more of each kind: cut exactly, and as far as they can be."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from pruneviz.proof import check

SMALL, CLIP = (2, 3, 64, 64), (2, 3, 8, 32, 32)
# The example, and the most of the parameters that may be left at 50 %.
ZOO = {
    "alexnet": (SMALL, 0.28),
    "resnet18": (SMALL, 0.27),
    "resnext50_32x4d": (SMALL, 0.29),
    "googlenet": (SMALL, 0.30),
    "inception_v3": ((2, 3, 96, 96), 0.28),
    "densenet121": (SMALL, 0.29),
    "squeezenet1_1": (SMALL, 0.40),
    "mnasnet0_5": (SMALL, 0.41),
    "mobilenet_v2": (SMALL, 0.40),
    "mobilenet_v3_small": (SMALL, 0.37),
    "shufflenet_v2_x0_5": (SMALL, 0.60),
    "regnet_x_400mf": (SMALL, 0.40),
    "regnet_y_400mf": (SMALL, 0.40),
    "efficientnet_b0": (SMALL, 0.36),
    "convnext_tiny": (SMALL, 0.27),
    "swin_t": (SMALL, 0.27),
    "swin_v2_t": (SMALL, 0.28),
    "lraspp_mobilenet_v3_large": (SMALL, 0.30),
    "ssdlite320_mobilenet_v3_large": ((2, 3, 128, 128), 0.40),
    "r3d_18": (CLIP, 0.27),
    "mc3_18": (CLIP, 0.27),
}


def made(name: str) -> nn.Module:
    extra = {"weights_backbone": None} if name.startswith(("lraspp", "ssdlite")) else {}
    if name in ("googlenet", "inception_v3"):
        extra = {"aux_logits": False, "init_weights": False}
    return torchvision.models.get_model(name, weights=None, **extra).eval()


@pytest.mark.filterwarnings("ignore:The default weight initialization")
@pytest.mark.parametrize("name", ZOO)
def test_a_network_is_cut_exactly(name):
    torch.manual_seed(0)
    shape, most = ZOO[name]
    result = check(made(name), torch.rand(shape), 0.5)
    assert result["max_relative_error"] <= 1e-4
    assert result["parameters"]["pruned"] <= most * result["parameters"]["original"], result


def test_a_vision_transformer_is_cut_between_its_blocks_and_in_them():
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(32, 8, 2, 4, 32, 64, num_classes=10).eval()
    result = check(model, torch.rand(2, 3, 32, 32), 0.5)
    assert result["max_relative_error"] <= 1e-4
    assert result["parameters"]["pruned"] <= 0.35 * result["parameters"]["original"]
    listed = {item["name"] for item in result["skipped"]}
    assert listed == {"heads.head"}
