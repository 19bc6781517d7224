"""Seconds for one evaluation of loss and gradient, between a plain PyTorch loop and the floor.

    python tests/benchmarks/evaluations.py [--full]

The plain loop is what tutorials teach: one nn.Sequential in float32 and the usual memory format,
features collected on the way, mean squared errors. The floor is the network's convolutions and
pools alone, forward and backward, with no losses and no rectifiers: nothing that uses them can be
faster. Runs of all variants take turns, so that a busy machine slows all of them alike; ratios are
taken within each round.
"""

import argparse
import copy
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst_utils as nst
from nst_utils.runtime import use_bf16

# The embedded networks' shapes; the weights' values make no difference to the time.
NETWORKS = ("random_vgg19", "random_mini_vgg19", "random_tiny_vgg19")  # the widest is the yardstick
VARIANTS = ("plain", "fp32", "floor fp32", "auto", "floor auto")
LAYERS = (*nst.STYLE_LAYERS, nst.CONTENT_LAYER)


class PlainLoop:
    """The textbook's objective: content and style of the same layers, as tutorials write it."""

    def __init__(self, network: nst.Backbone, content: Tensor, style: Tensor) -> None:
        modules, self.taken = [], {}
        for layer in network.layers[: network.layers.index("relu5_1") + 1]:
            if layer.startswith("conv"):
                weight, bias = network.convs[layer].weight, network.convs[layer].bias
                conv = nn.Conv2d(weight.shape[1], len(weight), 3, padding=1)
                conv.weight.data, conv.bias.data = weight.detach().clone(), bias.detach().clone()
                modules.append(conv)
            else:
                modules.append(nn.ReLU() if layer.startswith("relu") else nn.MaxPool2d(2))
            if layer in LAYERS:
                self.taken[len(modules) - 1] = layer
        self.chain = nn.Sequential(*modules).to(
            content.device, memory_format=torch.contiguous_format
        )
        self.chain.requires_grad_(False)
        self.mean, self.std = network.mean, network.std
        with torch.no_grad():
            self.content = self.features(content)[nst.CONTENT_LAYER]
            found = self.features(style)
            self.grams = {layer: self.gram(found[layer]) for layer in nst.STYLE_LAYERS}

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Features of the compared layers."""
        found, x = {}, (image - self.mean) / self.std
        for index, module in enumerate(self.chain):
            x = module(x)
            if index in self.taken:
                found[self.taken[index]] = x
        return found

    @staticmethod
    def gram(feature: Tensor) -> Tensor:
        """As in PyTorch's tutorial."""
        batch, channels, height, width = feature.shape
        flat = feature.view(batch * channels, height * width)
        return flat @ flat.t() / feature.numel()

    def __call__(self, image: Tensor) -> Tensor:
        """The total loss."""
        found = self.features(image)
        loss = F.mse_loss(found[nst.CONTENT_LAYER], self.content)
        for layer, target in self.grams.items():
            loss = loss + F.mse_loss(self.gram(found[layer]), target)
        return loss


def ours(network: nst.Backbone, content: Tensor, style: Tensor, precision: str) -> Callable:
    """The package's objective with the same two terms; `network` is put into channels_last."""
    bf16 = use_bf16(precision, content.device)
    weights = nst.weigh_layers(nst.STYLE_LAYERS)
    terms = {
        "content": nst.content_term(network, content, convention="mean", bf16=bf16),
        "style": nst.style_term(network, style, weights, convention="relative", bf16=bf16),
    }
    objective = nst.Objective(network, terms, bf16)
    return lambda image: objective(image)[0]


def floor(network: nst.Backbone, image: Tensor, bf16: bool) -> Callable:
    """Convolutions and pools alone, as a function of the image whose gradient needs them all."""
    modules = []
    for layer in network.layers[: network.layers.index("relu5_1")]:
        if layer.startswith("conv"):
            modules.append(copy.deepcopy(network.convs[layer]))
        elif layer.startswith("pool"):
            modules.append(nn.MaxPool2d(2))
    dtype = torch.bfloat16 if bf16 else torch.float32
    chain = nn.Sequential(*modules).to(image.device, dtype, memory_format=torch.channels_last)
    last = image.contiguous(memory_format=torch.channels_last).to(dtype)
    with torch.no_grad():
        gradient = torch.ones_like(chain(last))
    return lambda image: (chain(image.to(dtype)) * gradient).sum()


def evaluate(objective: Callable[[Tensor], Tensor], image: Tensor) -> float:
    """Seconds of one evaluation."""
    pixels = image.clone().requires_grad_()
    began = time.perf_counter()
    objective(pixels).backward()
    pixels.grad[0, 0, 0, 0].item()  # waits until a GPU is done
    return time.perf_counter() - began


def measure(name: str, shape: tuple[int, int], device: torch.device, budget: float) -> dict:
    """Seconds of each variant, one for each round; at least 5 rounds and `budget` seconds."""
    network = nst.load_backbone(name, normalise=False).to(device)
    content, style, image = (nst.white_noise(shape, seed).to(device) for seed in range(3))
    variants = {"plain": PlainLoop(network, content, style)}
    network = network.to(memory_format=torch.channels_last)  # as the three tasks do
    for precision in ("fp32", "auto"):
        variants[precision] = ours(network, content, style, precision)
        bf16 = use_bf16(precision, device)
        variants[f"floor {precision}"] = floor(network, image, bf16)
    for objective in variants.values():  # the first evaluation plans and allocates
        evaluate(objective, image)
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(seconds["plain"]) < 5:
        for variant, objective in variants.items():
            seconds[variant].append(evaluate(objective, image))
    return seconds


def ratio(above: list[float], below: list[float]) -> str:
    """The quotient of two variants: the median and the quartiles of all rounds."""
    quotients = [a / b for a, b in zip(above, below, strict=True)]
    low, middle, high = statistics.quantiles(quotients, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="512 x 384 pixels as well")
    parser.add_argument("--device", help="cuda, mps or cpu; the fastest there is unless given")
    parser.add_argument("--seconds", type=float, default=6, help="for each row of the table")
    args = parser.parse_args()
    device = nst.pick_device(args.device)
    automatic = "bfloat16" if use_bf16("auto", device) else "float32"
    print(f"PyTorch {torch.__version__} on {device}, {torch.get_num_threads()} CPU threads.")
    print(f"Seconds for one evaluation of loss and gradient, median; auto is {automatic} here.")
    print("Then three ratios, median and quartiles: plain loop / ours, ours / floor,")
    print("and how often ours fits into one evaluation of the plain loop on VGG-19's full width.")
    print(f"{'network':12}{'pixels':>9}", *(f"{v:>11}" for v in VARIANTS))
    for shape in ((192, 256), (384, 512)) if args.full else ((192, 256),):
        plain_vgg19: list[float] = []
        for name in NETWORKS:
            seconds = measure(name, shape, device, args.seconds)
            plain_vgg19 = plain_vgg19 or seconds["plain"]
            medians = (f"{statistics.median(seconds[v]):11.4f}" for v in VARIANTS)
            print(f"{name.removeprefix('random_'):12}{shape[1]:>5}x{shape[0]}", *medians)
            for precision in ("fp32", "auto"):
                mine, least = seconds[precision], seconds[f"floor {precision}"]
                against = statistics.median(plain_vgg19) / statistics.median(mine)
                print(
                    f"{'':4}{precision:8}plain/ours {ratio(seconds['plain'], mine):22}"
                    f"ours/floor {ratio(mine, least):22}VGG-19's plain/ours {against:.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
