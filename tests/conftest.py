"""Settings for all tests: figures need no screen, and slow tests run last."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "slow" in item.keywords)
