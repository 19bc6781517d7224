"""Colour: keep the photograph's under the painting's strokes, or repaint the painting in them.

Both ways are those of Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer"
(arXiv 1606.05897). Luminance is Y = 0.299 R + 0.587 G + 0.114 B, that of YIQ and of JPEG.
Chrominance is what a grey of that luminance lacks, (R - Y, G - Y, B - Y); I and Q of YIQ are linear
in it. Everything is computed in float64.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from nst_utils.errors import NSTError
from nst_utils.image import ImageSource, load_image, resize, to_pil
from nst_utils.optimize import Result
from nst_utils.synthesis import transfer_style

LUMA = (0.299, 0.587, 0.114)  # weights of R, G and B in Y
FLAT = 1e-6  # a direction of colour with less of the largest spread than this has none


def luminance(image: Tensor) -> Tensor:
    """The grey picture of an image tensor: [B, 3, H, W] with three equal channels Y."""
    return _luma(image.double()).expand(-1, 3, -1, -1).to(image.dtype).contiguous()


def keep_color(painted: Tensor, photo: Tensor) -> Tensor:
    """The luminance of one picture with the chrominance of another.

    The chrominance is the photograph's in every pixel, up to float32's rounding, because the
    luminance gives way: a strong colour has fewer luminances than grey has (bright blue cannot be
    brighter), so each pixel takes the nearest to the painted one that leaves R, G, B in [0, 1].

    Args:
        painted: gives the luminance, [B, 3, H, W].
        photo: gives the chrominance, the same shape, in [0, 1].

    Returns:
        [B, 3, H, W] in [0, 1].

    Raises:
        NSTError: different shapes.
    """
    if painted.shape != photo.shape:
        raise NSTError(
            f"The painted picture has shape {list(painted.shape)}, the photograph "
            f"{list(photo.shape)}: resize the photograph to the painted one's size."
        )
    precise = photo.double()
    chrominance = precise - _luma(precise)
    darkest, brightest = -chrominance.amin(1, keepdim=True), 1 - chrominance.amax(1, keepdim=True)
    luma = _luma(painted.double()).clamp(darkest, brightest)
    return (luma + chrominance).clamp(0, 1).to(photo.dtype)  # the clamp takes rounding only


def match_color(
    style: Tensor, content: Tensor, method: str = "symmetric", clamp: bool = True
) -> Tensor:
    """Repaint a style image in the colours of a content image, before the transfer.

    "cholesky" and "symmetric" map each colour c to A (c - mean of style) + mean of content with
    A = C S^-1, where C C^T and S S^T are the two covariances: C and S are lower triangular, or
    symmetric. Mean and covariance of the colours become the content's, to 1e-4, before clamping.
    Where the style has no spread at all (a grey picture has one direction of colour, a flat one
    none), there is nothing to stretch: that direction stays flat, and the covariance is the
    content's only as far as that allows.

    "histogram" maps each of R, G and B so that its distribution is the content's. Equal values stay
    equal. How the channels go together is left to chance.

    Args:
        style, content: [1, 3, H, W] in [0, 1]; sizes may differ.
        method: "cholesky", "symmetric" or "histogram".
        clamp: clamp the result to [0, 1], as a picture needs. This moves mean and covariance a
            little wherever a mapped colour lies outside.

    Returns:
        [1, 3, H, W], the style's size.

    Raises:
        NSTError: not an image tensor, or an unknown method.
    """
    methods = {"cholesky": _match_covariance, "symmetric": _match_covariance}
    methods["histogram"] = _match_histograms
    if method not in methods:
        raise NSTError(f"Unknown method {method!r}; choose one of {', '.join(methods)}.")
    colors = [load_image(image)[0].flatten(1).double() for image in (style, content)]
    matched = methods[method](*colors, method).reshape(style.shape)
    return (matched.clamp(0, 1) if clamp else matched).to(style)


def transfer_luminance(content: ImageSource, style: ImageSource, **options) -> Result:
    """Style transfer that keeps the photograph's chrominance (Gatys et al. 2016, section 4.2).

    Both pictures are made grey, the style with the mean and spread of the photograph's luminance.
    The result of the transfer is the luminance of a picture with the photograph's chrominance.

    Args:
        content, style: image tensors or anything `load_image` reads.
        options: as for `transfer_style`.

    Returns:
        A `Result`, whose losses are those of the grey picture.

    Raises:
        NSTError: bad input, as a sentence.
    """
    content = load_image(content)
    grey = luminance(content)
    painted = match_color(luminance(load_image(style)), grey)
    result = transfer_style(grey, painted, **options)

    def colored(image: Tensor) -> Tensor:
        return keep_color(image, resize(content, tuple(image.shape[-2:])))

    frames = [(at, colored(load_image(frame))) for at, frame in result.snapshots]
    snapshots = [(at, np.asarray(to_pil(frame))) for at, frame in frames]
    return replace(result, image=colored(result.image), snapshots=snapshots)


def _luma(image: Tensor) -> Tensor:
    weights = torch.tensor(LUMA, dtype=image.dtype, device=image.device)
    return (image * weights[:, None, None]).sum(1, keepdim=True)


def _match_covariance(style: Tensor, content: Tensor, method: str) -> Tensor:
    """Colours [3, M] with the mean and covariance of others [3, M']."""
    S, C = (_root(colors.cov(correction=0), method) for colors in (style, content))
    A = C @ torch.linalg.pinv(S, rtol=FLAT)
    return A @ (style - style.mean(1, keepdim=True)) + content.mean(1, keepdim=True)


def _root(covariance: Tensor, method: str) -> Tensor:
    """R with R R^T = covariance: the symmetric one, or the lower triangular one of Cholesky."""
    values, vectors = torch.linalg.eigh(covariance)
    symmetric = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    if method == "symmetric":
        return symmetric
    # With symmetric = Q U, U^T U is the covariance, too. torch.linalg.cholesky gives the same, but
    # refuses the singular covariance of a grey picture.
    upper = torch.linalg.qr(symmetric).R
    return upper.T * torch.where(upper.diagonal() < 0, -1, 1)


def _match_histograms(style: Tensor, content: Tensor, _: str) -> Tensor:
    """Colours [3, M] whose channels each have the distribution of the others' [3, M']."""
    pairs = zip(style.numpy(), content.numpy(), strict=True)
    return torch.from_numpy(np.stack([_match_histogram(*pair) for pair in pairs]))


def _match_histogram(values: np.ndarray, target: np.ndarray) -> np.ndarray:
    _, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2) / len(values)  # the middle one of equal values
    places = (np.arange(len(target)) + 0.5) / len(target)
    return np.interp(ranks, places, np.sort(target))[index]
