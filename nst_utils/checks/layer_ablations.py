"""Checks of notebook 06: mean and spread of repeated runs, one layer left out at a time."""

from collections.abc import Callable

from nst_utils.checks.calling import call


def check_mean_and_spread(mean_and_spread: Callable) -> None:
    """Raise AssertionError unless it is mean and sample deviation of the runs with a score."""
    three = [{"style": 0.30}, {"style": 0.32}, {"style": 0.34}]
    try:
        both = call(mean_and_spread, [*three, {"error": "ValueError: no"}], "style")
    except KeyError:
        raise AssertionError("A failed run does not have the score: leave it out.") from None
    assert isinstance(both, tuple | list) and len(both) == 2, "Return two numbers: mean, spread."
    mean, spread = both
    assert abs(mean - 0.24) > 1e-3, "A failed run is no run with score 0: leave it out."
    assert abs(mean - 0.32) < 1e-6, (
        "The mean is the sum divided by the number of runs that have one."
    )
    assert abs(spread - 0.0163299) > 1e-5, "Divide by n - 1: three runs are a sample."
    assert abs(spread - 0.0004) > 1e-5, "That is the variance; take its root."
    assert abs(spread - 0.02) < 1e-5, "The standard deviation of 0.30, 0.32 and 0.34 is 0.02."


def check_leave_one_out(leave_one_out: Callable) -> None:
    """Raise AssertionError unless each dict lacks one layer and keeps the sum."""
    given = {"a": 1.0, "b": 2.0, "c": 1.0}
    result = call(leave_one_out, given)
    assert given == {"a": 1.0, "b": 2.0, "c": 1.0}, "Do not change the input: build new dicts."
    assert isinstance(result, list) and len(result) == 3, "A list with one dict for each layer."
    without = [{"b", "c"}, {"a", "c"}, {"a", "b"}]
    assert [set(some) for some in result] == without, "Without a, b, c."
    sums = [sum(some.values()) for some in result]
    assert sums != [3.0, 2.0, 3.0], "Scale the others up, or a weaker style is all you measure."
    assert not all(abs(s - 1) < 1e-9 for s in sums), "Keep the given sum, which need not be 1."
    assert all(abs(s - 4) < 1e-9 for s in sums), "Each dict has the sum of the given weights, 4."
