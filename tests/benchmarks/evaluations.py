"""Seconds for one evaluation of loss and gradient, beside a plain PyTorch loop on the same network.

    python tests/benchmarks/evaluations.py [--full]

The plain loop is what tutorials teach: one nn.Sequential in float32 and the usual memory format,
features collected on the way, mean squared errors. Runs of all variants take turns, so that a busy
machine slows all of them alike; the ratio is taken within each round.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst_utils as nst
from nst_utils.runtime import use_bf16

# The embedded networks' shapes; the weights' values make no difference to the time.
NETWORKS = ("random_tiny_vgg19", "random_mini_vgg19", "random_vgg19")
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
    for objective in variants.values():  # the first evaluation plans and allocates
        evaluate(objective, image)
    seconds: dict[str, list[float]] = {variant: [] for variant in variants}
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(seconds["plain"]) < 5:
        for variant, objective in variants.items():
            seconds[variant].append(evaluate(objective, image))
    return seconds


def ratio(plain: list[float], mine: list[float]) -> str:
    """How many times faster than the plain loop: the median and the quartiles of all rounds."""
    quotients = [p / m for p, m in zip(plain, mine, strict=True)]
    low, middle, high = statistics.quantiles(quotients, n=4)
    return f"{middle:.2f}x ({low:.2f} to {high:.2f})"


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
    print(
        f"{'network':12}{'pixels':>10}{'plain':>9}{'fp32':>9}{'auto':>9}"
        f"   {'fp32 is faster by':24}auto is faster by"
    )
    for shape in ((192, 256), (384, 512)) if args.full else ((192, 256),):
        for name in NETWORKS:
            seconds = measure(name, shape, device, args.seconds)
            medians = "".join(f"{statistics.median(seconds[v]):9.4f}" for v in seconds)
            faster = [ratio(seconds["plain"], seconds[v]) for v in ("fp32", "auto")]
            size = f"{shape[1]}x{shape[0]}"
            label = name.removeprefix("random_")
            print(f"{label:12}{size:>10}{medians}   {faster[0]:24}{faster[1]}", flush=True)


if __name__ == "__main__":
    main()
