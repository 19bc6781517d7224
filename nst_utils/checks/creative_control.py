"""Checks of notebook 07: a luminance exchanged, colours with a given mean and covariance."""

from collections.abc import Callable

import torch

from nst_utils.checks.calling import call_for_tensor
from nst_utils.color import LUMA


def check_swap_luminance(swap_luminance: Callable) -> None:
    """Raise AssertionError unless each pixel gets the painted luminance and keeps its colour."""
    photo = torch.tensor([0.6, 0.4, 0.2]).reshape(1, 3, 1, 1)  # Y = 0.437
    painted = torch.tensor([0.3, 0.5, 0.9]).reshape(1, 3, 1, 1)  # Y = 0.4858
    toy = call_for_tensor(swap_luminance, painted, photo)
    assert toy.shape == (1, 3, 1, 1), "The result is a picture: [1, 3, H, W]."
    r, g, b = toy.flatten().tolist()
    assert max(r, g, b) - min(r, g, b) > 1e-4, "That is grey: add the photograph's chrominance."
    assert abs(r - 0.2512) > 2e-4, "The other way round: the photograph keeps its colours."
    assert abs(r - 0.7667) > 2e-4, "Use the weights 0.299, 0.587 and 0.114, not the plain mean."
    assert abs(r - 1.0858) > 2e-4, "Take off the photograph's own luminance first."
    assert abs(r - 0.667) > 2e-4, "Do not scale the colours: add the difference of the luminances."
    assert abs(r - 0.6488) < 2e-4, "By hand, the toy's red is 0.6 - 0.437 + 0.4858 = 0.6488."
    bright = swap_luminance(torch.ones(1, 3, 1, 1), photo)
    assert bright.max() > 1, "Do not clamp in here: clamping changes the chrominance."
    g = torch.Generator().manual_seed(1)
    photo, painted = (torch.rand(1, 3, 4, 5, generator=g) for _ in range(2))
    weights = torch.tensor(LUMA)[:, None, None]
    move = ((painted - photo) * weights).sum(1, keepdim=True)
    result = swap_luminance(painted, photo)
    assert torch.allclose(result, photo + move, atol=1e-5), "Each pixel has a luminance of its own."


def check_match_statistics(match_statistics: Callable) -> None:
    """Raise AssertionError unless the colours get the others' mean and covariance."""
    g = torch.Generator().manual_seed(2)
    mix = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.5, 0.0], [0.2, -0.4, 0.7]], dtype=torch.float64)
    style = torch.rand(3, 400, generator=g, dtype=torch.float64)
    content = mix @ torch.rand(3, 300, generator=g, dtype=torch.float64) + 0.1
    given = style.clone()
    result = call_for_tensor(match_statistics, style, content)
    assert torch.equal(style, given), "Do not change the style in place."
    assert result.shape == style.shape, "One colour for each of the style: [3, M]."
    cov, wanted = result.cov(correction=0), content.cov(correction=0)
    S, C = torch.linalg.cholesky(style.cov(correction=0)), torch.linalg.cholesky(wanted)

    def has(A: torch.Tensor) -> bool:
        return torch.allclose(cov, A @ S @ S.T @ A.T, atol=1e-5)

    one = torch.eye(3, dtype=torch.float64)
    spreads = torch.allclose(cov.diagonal(), wanted.diagonal(), atol=1e-5)
    assert not has(one), "Only the mean has moved: stretch the colours, too."
    assert not has(C), "Multiply by the inverse of S before you multiply by C."
    assert not has(C @ S), "Multiply by the inverse of S, not by S."
    assert not has(torch.linalg.inv(S)), "All directions are alike now: multiply by C, too."
    assert not has(torch.linalg.inv(S) @ C), "The other order: first the inverse of S, then C."
    assert not has(wanted @ torch.linalg.inv(S @ S.T)), "Use the factors, not the covariances."
    assert not has(C.T @ torch.linalg.inv(S).T), "Do not transpose C and S."
    matches = torch.allclose(cov, wanted, atol=1e-5)
    assert matches or not spreads, "The spreads fit, how the channels go together does not."
    assert matches, "The covariance of the result is not the content's."
    mean = result.mean(1)
    assert not torch.allclose(mean, style.mean(1)), "Add the content's mean, not the style's."
    assert torch.allclose(mean, content.mean(1), atol=1e-5), "Take off the style's mean first."
