"""The networks whose features define content and style."""

from nst_utils.backbones.network import Backbone
from nst_utils.backbones.weights import BACKBONES, load_backbone

__all__ = ["BACKBONES", "Backbone", "load_backbone"]
