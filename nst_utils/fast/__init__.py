"""Style transfer in one pass: transformer networks, their training and trained models."""

from nst_utils.fast.models import FOLDER, MODELS, load_model, paint_fast, save_model, settings_of
from nst_utils.fast.network import TransformerNetwork, count_parameters
from nst_utils.fast.training import PerceptualLoss, Settings, Training, train_step

__all__ = [
    "FOLDER",
    "MODELS",
    "PerceptualLoss",
    "Settings",
    "Training",
    "TransformerNetwork",
    "count_parameters",
    "load_model",
    "paint_fast",
    "save_model",
    "settings_of",
    "train_step",
]
