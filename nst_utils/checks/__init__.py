"""Checks of the exercises: each takes a student's function and names the likely mistake.

They use small tensors whose answers can be found by hand, and no weights. docs/mistakes.md lists
every mistake that they know.
"""

from nst_utils.checks.creative_control import check_match_statistics, check_swap_luminance
from nst_utils.checks.fast_style_transfer import (
    check_double_and_convolve,
    check_instance_norm,
    check_pays_off_after,
)
from nst_utils.checks.feature_reconstruction import (
    check_content_gradient,
    check_content_loss,
    check_total_variation,
)
from nst_utils.checks.layer_ablations import check_leave_one_out, check_mean_and_spread
from nst_utils.checks.multiple_styles import (
    check_blended_loss,
    check_guided_gram,
    check_positions_inside,
)
from nst_utils.checks.random_networks import check_he_weights, check_participation_ratio
from nst_utils.checks.start_here import check_estimate_seconds, check_to_image_tensor
from nst_utils.checks.style_transfer import check_start_image, check_total_loss
from nst_utils.checks.texture_synthesis import (
    check_covariance,
    check_gram_matrix,
    check_style_loss,
)

__all__ = [
    "check_blended_loss",
    "check_content_gradient",
    "check_content_loss",
    "check_covariance",
    "check_double_and_convolve",
    "check_estimate_seconds",
    "check_gram_matrix",
    "check_guided_gram",
    "check_he_weights",
    "check_instance_norm",
    "check_leave_one_out",
    "check_match_statistics",
    "check_mean_and_spread",
    "check_participation_ratio",
    "check_pays_off_after",
    "check_positions_inside",
    "check_start_image",
    "check_style_loss",
    "check_swap_luminance",
    "check_to_image_tensor",
    "check_total_loss",
    "check_total_variation",
]
