"""Does a picture made with an embedded backbone also please the real VGG-19?

    python -m nst_utils.backbones.compare --teacher FILE

For six pairs: the style loss of the finished picture under the real network (relu1_1, relu2_1 and
relu3_1, each E_l relative to its target's norm) divided by the content image's own. 1 is no
style at all, 0 a perfect match.
"""

import argparse
import sys

import torch
from torch import Tensor

from nst_utils.backbones.network import Backbone
from nst_utils.backbones.teachers import load_teacher
from nst_utils.backbones.weights import load_backbone
from nst_utils.errors import NSTError
from nst_utils.gallery import PAIRS, pair_paths
from nst_utils.image import DATA, load_image, resize
from nst_utils.losses import gram_matrix, style_loss
from nst_utils.synthesis import transfer_style

LAYERS = ("relu1_1", "relu2_1", "relu3_1")
EMBEDDED = ("mini_vgg19", "tiny_vgg19", "random_mini_vgg19")


@torch.no_grad()
def relative_style_loss(network: Backbone, image: Tensor, style: Tensor) -> float:
    """Sum over `LAYERS` of |G - A|^2 / |A|^2 for images [1, 3, H, W]."""
    total = 0.0
    for feature, wanted in zip(
        network(image, LAYERS).values(), network(style, LAYERS).values(), strict=True
    ):
        gram, target = gram_matrix(feature), gram_matrix(wanted)
        total += style_loss(gram, target, "sum") / target.square().sum()
    return float(total)


def compare(real: Backbone, size: int) -> dict[str, list[float]]:
    """For each network one number a pair; "itself" is a picture optimised on `real`."""
    networks: dict[str, tuple[Backbone, dict]] = {n: (load_backbone(n), {}) for n in EMBEDDED}
    # The real network may be here only up to block 3: then content is compared there as well.
    networks["itself"] = (real, {"content_layer": "relu3_4", "style_layers": LAYERS})
    scores: dict[str, list[float]] = {name: [] for name in networks}
    for pair in PAIRS:
        content, style = (load_image(path) for path in pair_paths(*pair))
        content, style = resize(content, size), resize(style, size)
        before = relative_style_loss(real, content, style)
        for name, (network, options) in networks.items():
            image = transfer_style(content, style, size=size, backbone=network, **options).image
            scores[name].append(relative_style_loss(real, image, style) / before)
    return scores


def main(argv: list[str] | None = None) -> int:
    """Print the table; the exit code is 2 on bad input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", default="torchvision", help="'torchvision' or a weight file")
    parser.add_argument("--size", type=int, default=256, help="longer side in pixels")
    args = parser.parse_args(argv)
    try:
        photos = [load_image(p, 256) for p in sorted((DATA / "content").glob("*.jpg"))]
        scores = compare(load_teacher(args.teacher, photos), args.size)
    except NSTError as error:
        print(error, file=sys.stderr)
        return 2
    print("Style loss under the real VGG-19, as a share of the content image's:")
    print(
        f"{'':20}" + "".join(f"{content[:4]}+{style[:5]:<6}" for content, style in PAIRS) + "mean"
    )
    for name, row in scores.items():
        print(f"{name:20}" + "".join(f"{x:<11.3f}" for x in row) + f"{sum(row) / len(row):.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
