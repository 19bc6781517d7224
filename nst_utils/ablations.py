"""What each part of the loss is for: one transfer with something changed, and two honest scores.

    python -m nst_utils.ablations

runs the sweeps of notebook 06 and keeps their records in data/ablations.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from nst_utils.backbones import Backbone, load_backbone
from nst_utils.gallery import pair_paths
from nst_utils.image import DATA, load_image, resize
from nst_utils.losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    Objective,
    Term,
    content_term,
    gram_matrix,
    style_loss,
    variation_term,
)
from nst_utils.optimize import Result, Stage, optimize, pyramid_shapes, split_steps
from nst_utils.runtime import seeded_generator
from nst_utils.sweeping import sweep
from nst_utils.synthesis import TEXTURE_WEIGHTS, TRANSFER_WEIGHTS, weigh_layers, white_noise

RECORDS = DATA / "ablations"
# Layers that no run uses, of a network that no run uses: what they say was not optimised.
JUDGE = "mini_vgg19"
JUDGE_STYLE = ("relu1_2", "relu2_2", "relu3_2", "relu4_3")
JUDGE_CONTENT = "relu3_3"
PAIR = ("china", "night")
NOISE = 0.3  # its share of the start


def transfer(
    style: Mapping[str, float] | Sequence[str] = STYLE_LAYERS,
    content_layer: str = CONTENT_LAYER,
    pooling: str = "max",
    keep: float = 1.0,
    pair: Sequence[str] = PAIR,
    seed: int = 0,
    size: int = 160,
    steps: int = 240,
    alpha: float = 0.03,
    until: float = 0.0,
    backbone: str = "tiny_vgg19",
) -> Result:
    """A transfer on the CPU from the photograph with noise in it, over sizes from 128 pixels on.

    Args:
        style: layers, or a dict from layer to w_l.
        content_layer: where the photograph is compared.
        pooling: of the network.
        keep: the share of each style layer's channels whose Gram matrix counts, drawn at random.
        pair: names of a bundled photograph and painting.
        seed: of the noise and of the channels.
        size: longer side in pixels; from 182 on there are coarser sizes before it, up to two.
        steps: evaluations at most, over all sizes.
        alpha: weight of the content.
        until: end at the last size as soon as the style loss is this low.
        backbone: a name that `load_backbone` knows.
    """
    network = _backbone(backbone, pooling)
    photo, painting = (load_image(path, size) for path in pair_paths(*pair))
    shapes = pyramid_shapes(tuple(photo.shape[-2:]), 3)

    def build(shape: tuple[int, int]) -> Objective:
        here = resize(painting, max(shape))
        terms = {
            "content": content_term(network, resize(photo, shape), content_layer, alpha, "mean"),
            "style": partial_style_term(network, here, weigh_layers(style), keep, seed),
            "variation": variation_term(1.0),
        }
        return Objective(network, terms)

    def look(record: dict[str, float], _: Tensor) -> None:
        if record["size"] == size and record["style"] <= until:
            raise KeyboardInterrupt  # as the stop button does: the best picture is kept

    shares = split_steps(steps, len(shapes))
    stages = [Stage(s, n, lambda s=s: build(s)) for s, n in zip(shapes, shares, strict=True)]
    # Mostly the photograph: seeds differ, and the object need not be found again in noise.
    start = torch.lerp(resize(photo, shapes[0]), white_noise(shapes[0], seed), NOISE)
    return optimize(stages, start, progress=False, callback=look)


def partial_style_term(
    network: Backbone, painting: Tensor, weights: Mapping[str, float], keep: float, seed: int
) -> Term:
    """The balanced style loss of some channels of each layer, a share `keep` of them."""
    generator = seeded_generator(seed)
    chosen = {}
    for layer in weights:
        channels = network.channels(layer)
        drawn = torch.randperm(channels, generator=generator)[: math.ceil(keep * channels)]
        chosen[layer] = drawn.sort().values

    def grams(features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {layer: gram_matrix(features[layer][:, chosen[layer]]) for layer in weights}

    with torch.no_grad():
        targets = grams(network(painting, weights))

    def function(features: dict[str, Tensor], _: Tensor) -> Tensor:
        made = grams(features)
        losses = (w * style_loss(made[at], targets[at], "relative") for at, w in weights.items())
        return sum(losses)

    return Term(1.0, list(weights), function)


@torch.no_grad()
def scores(image: Tensor, pair: Sequence[str] = PAIR) -> dict[str, float]:
    """How far a picture is from painting and photograph by layers that no run optimises.

    Args:
        image: [1, 3, H, W].
        pair: names of the photograph and the painting.

    Returns:
        "style score": mean over `JUDGE_STYLE` of |G - A| / |A|; "content score": |F - P| / |P| at
        `JUDGE_CONTENT`. 0 is perfect in both; the photograph itself has content 0.
    """
    judge = _backbone(JUDGE, "max")
    height, width = image.shape[-2:]
    photo, painting = (load_image(path) for path in pair_paths(*pair))
    here, wanted = judge(image, JUDGE_STYLE), judge(resize(painting, width), JUDGE_STYLE)
    off = [
        style_loss(gram_matrix(here[at]), gram_matrix(wanted[at]), "relative") for at in JUDGE_STYLE
    ]
    made, seen = (
        judge(x, [JUDGE_CONTENT])[JUDGE_CONTENT] for x in (image, resize(photo, (height, width)))
    )
    return {
        "style score": (sum(off) / len(off)).item(),
        "content score": ((made - seen).norm() / seen.norm()).item(),
    }


def ablation(**settings: object) -> dict[str, float]:
    """The task of the sweeps: `transfer(**settings)`, its scores and its evaluations."""
    result = transfer(**settings)
    pair = settings.get("pair", PAIR)
    return scores(result.image, pair) | {"evaluations": len(result.history)}


def leave_one_out(weights: Mapping[str, float]) -> list[dict[str, float]]:
    """The weights without each layer in turn; the others grow, so that the sum stays."""
    total = sum(weights.values())
    without = [{k: w for k, w in weights.items() if k != layer} for layer in weights]
    return [{k: w * total / sum(some.values()) for k, w in some.items()} for some in without]


EQUAL = weigh_layers(STYLE_LAYERS)
_CHANNELS = {"relu1_1": 64, "relu2_1": 128, "relu3_1": 256, "relu4_1": 512, "relu5_1": 512}
_INVERSE = {layer: 1 / n**2 for layer, n in _CHANNELS.items()}
WEIGHTS = {
    "equal": EQUAL,
    "package": TRANSFER_WEIGHTS,
    "256:64:16:4:1": TEXTURE_WEIGHTS,
    "1/n^2": {layer: w / sum(_INVERSE.values()) for layer, w in _INVERSE.items()},
    "deep first": dict(zip(STYLE_LAYERS, reversed(TRANSFER_WEIGHTS.values()), strict=True)),
}
CONTENT_LAYERS = ["relu1_1", "relu2_2", "relu3_2", "relu4_2", "relu5_1"]
SEEDS = [0, 1, 2]
OTHER_PAIRS = [["chelsea", "wave"], ["coffee", "mosaic"]]
GRIDS = {
    "all": {"style": [EQUAL], "seed": SEEDS},
    "only": {"style": [{layer: 1.0} for layer in STYLE_LAYERS], "seed": SEEDS},
    "without": {"style": leave_one_out(EQUAL), "seed": SEEDS},
    "weights": {"style": list(WEIGHTS.values()), "seed": SEEDS},
    "content": {"content_layer": CONTENT_LAYERS, "seed": SEEDS},
    "pooling": {"pooling": ["max", "average", "l2"], "seed": SEEDS},
    "rectified": {
        "style": [EQUAL, {layer.replace("relu", "conv"): w for layer, w in EQUAL.items()}],
        "seed": SEEDS,
    },
    "kept": {"keep": [0.0625, 0.125, 0.25, 0.5, 1.0], "seed": SEEDS},
    "depth": {
        "style": [weigh_layers(STYLE_LAYERS[:n]) for n in range(1, 6)],
        "until": [0.1],
        "steps": [800],
        "seed": SEEDS,
    },
    "pairs": {"style": [EQUAL, *leave_one_out(EQUAL)], "pair": OTHER_PAIRS, "seed": [0]},
}


@cache
def _backbone(name: str, pooling: str) -> Backbone:
    return load_backbone(name, pooling=pooling).to(memory_format=torch.channels_last)


def main() -> None:
    """Run every sweep that is not kept yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=RECORDS, help="folder of the records")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    args = parser.parse_args()
    for name, grid in GRIDS.items():
        records = sweep(grid, ablation, cache=args.out, n_jobs=args.jobs)
        failed = [record["error"] for record in records if "error" in record]
        print(f"{name}: {len(records)} settings" + "".join(f"; {error}" for error in failed))


if __name__ == "__main__":
    # The module by its own name: in `__main__`, the task and so its records would be others.
    from nst_utils import ablations

    ablations.main()
