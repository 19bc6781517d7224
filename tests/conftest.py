"""Settings for all tests: figures need no screen, slow tests run last; and shared fixtures."""

import os

import pytest
import torch

import nst_utils as nst
from nst_utils.fast import TransformerNetwork

os.environ.setdefault("MPLBACKEND", "Agg")


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """A folder with a few photographs of 64 pixels."""
    folder = tmp_path_factory.mktemp("photographs")
    for source in sorted((nst.DATA / "content").glob("*.jpg")):
        nst.save_image(nst.load_image(source, 64), folder / f"{source.stem}.png")
    return folder


@pytest.fixture
def small_network():
    """A random transformer network of width 4, the same each time."""
    torch.manual_seed(0)
    return TransformerNetwork(width=4, blocks=1).eval()


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: "slow" in item.keywords)
