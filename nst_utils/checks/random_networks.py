"""Checks of notebook 04: He's rule, and how many directions a Gram matrix uses."""

from collections.abc import Callable

import torch

from nst_utils.checks.calling import call, call_for_tensor


def check_he_weights(he_weights: Callable) -> None:
    """Raise AssertionError unless the filters are normal, with variance 2 / fan-in."""
    w = call_for_tensor(he_weights, 200, 8, 3, torch.Generator().manual_seed(0))
    assert w.shape == (200, 8, 3, 3), f"The shape is {tuple(w.shape)}, not [out, in, size, size]."
    spread, wanted = w.std().item(), (2 / 72) ** 0.5
    assert abs(spread / wanted - wanted) > 0.01, "2 / n is the variance; the spread is its root."
    assert abs(spread / wanted - 0.5**0.5) > 0.05, (
        "The 2 is missing: the rectifier halves the power."
    )
    assert abs(spread / wanted - 0.2) > 0.01, "n counts what comes in, not what goes out."
    assert abs(spread / wanted - 3) > 0.3, (
        "n counts every weight of a filter: in_channels * size**2."
    )
    assert abs(spread / wanted - 1) < 0.05, (
        f"The spread is {spread:.4f}, it should be {wanted:.4f}."
    )
    assert abs(w.mean().item()) < 0.01, "Weights have mean 0: use randn, not rand."
    again = he_weights(200, 8, 3, torch.Generator().manual_seed(0))
    assert torch.equal(w, again), "Draw from the generator, or the seed does not fix the network."


def check_participation_ratio(participation_ratio: Callable) -> None:
    """Raise AssertionError unless it is the squared sum of eigenvalues over their squares' sum."""
    value = float(call(participation_ratio, torch.diag(torch.tensor([3.0, 1.0, 0.0, 0.0]))))
    assert abs(value - 0.625) > 1e-4, "Upside down: the square of the sum goes on top."
    assert abs(value - 2) > 1e-4, "You counted the eigenvalues that are not 0; weigh them."
    assert abs(value - 0.4) > 1e-4, "Square the sum: (3 + 1)**2 = 16."
    assert abs(value - 1.6) < 1e-4, f"16 / 10 = 1.6 by hand; your function gives {value:.3f}."
    one = float(participation_ratio(torch.ones(5, 5)))
    assert abs(one - 1) < 1e-4, "Use the eigenvalues, not the diagonal."
    equal = float(participation_ratio(7 * torch.eye(5)))
    assert abs(equal - 5) < 1e-4, "A factor must not matter."
