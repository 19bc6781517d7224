"""Neural style transfer by hand: the code that the notebooks share."""

from nst_utils.backbones import BACKBONES, Backbone, load_backbone
from nst_utils.color import keep_color, luminance, match_color, transfer_luminance
from nst_utils.errors import NSTError
from nst_utils.guidance import guided_gram, guided_style_term, load_mask, reduce_mask
from nst_utils.image import DATA, load_image, resize, save_image, to_pil
from nst_utils.losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    Objective,
    Term,
    content_loss,
    content_term,
    gram_matrix,
    style_loss,
    style_term,
    total_variation,
    variation_term,
)
from nst_utils.mixing import Style, transfer_styles
from nst_utils.optimize import Result, Stage, optimize
from nst_utils.plotting import animate, notebook_style, plot_history, show
from nst_utils.runtime import pick_device, set_seed
from nst_utils.strength import gradient_norms, hold_strength
from nst_utils.sweeping import sweep
from nst_utils.synthesis import (
    TEXTURE_WEIGHTS,
    TRANSFER_WEIGHTS,
    reconstruct_content,
    synthesize_texture,
    transfer_style,
    weigh_layers,
    white_noise,
)
from nst_utils.tiling import TiledObjective

__all__ = [
    "BACKBONES",
    "CONTENT_LAYER",
    "DATA",
    "STYLE_LAYERS",
    "TEXTURE_WEIGHTS",
    "TRANSFER_WEIGHTS",
    "Backbone",
    "NSTError",
    "Objective",
    "Result",
    "Stage",
    "Style",
    "Term",
    "TiledObjective",
    "animate",
    "content_loss",
    "content_term",
    "gradient_norms",
    "gram_matrix",
    "guided_gram",
    "guided_style_term",
    "hold_strength",
    "keep_color",
    "load_backbone",
    "load_image",
    "load_mask",
    "luminance",
    "match_color",
    "notebook_style",
    "optimize",
    "pick_device",
    "plot_history",
    "reconstruct_content",
    "reduce_mask",
    "resize",
    "save_image",
    "set_seed",
    "show",
    "style_loss",
    "style_term",
    "sweep",
    "synthesize_texture",
    "to_pil",
    "total_variation",
    "transfer_luminance",
    "transfer_style",
    "transfer_styles",
    "variation_term",
    "weigh_layers",
    "white_noise",
]
