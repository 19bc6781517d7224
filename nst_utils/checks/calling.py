"""What can go wrong in every exercise: nothing done, nothing returned, no tensor, no gradient."""

from collections.abc import Callable

import torch


def call(function: Callable, *arguments, **options):
    """The function's result.

    Raises AssertionError if the function is not written yet or returns None.
    """
    try:
        result = function(*arguments, **options)
    except NotImplementedError:
        raise AssertionError("Not done yet: write the body of the function above.") from None
    assert result is not None, "Your function returns nothing: end it with return."
    return result


def call_for_tensor(function: Callable, *arguments, **options) -> torch.Tensor:
    """The function's result; raises AssertionError, as call does or if it is no tensor."""
    result = call(function, *arguments, **options)
    assert isinstance(result, torch.Tensor), "Return a tensor: .item() and lists cut the gradient."
    return result


def assert_differentiable(function: Callable, first: torch.Tensor, *others) -> None:
    """Raise AssertionError if the result does not depend on the first argument for autograd."""
    result = call_for_tensor(function, first.detach().clone().requires_grad_(), *others)
    assert result.requires_grad, "The gradient is lost: no .detach(), .data or no_grad() in here."
