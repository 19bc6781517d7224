"""Time until a run reaches the loss that a textbook loop has after 300 evaluations.

    python tests/benchmarks/equal_loss.py [--backbone tiny_vgg19] [--steps 300]

The textbook loop runs L-BFGS at full size from the content image, in float32 and in PyTorch's
usual memory format. Ours are default transfers with ever more steps until one ends with the same
loss or a lower one. All losses are computed again in float32 from the finished pictures, so that
neither the precision nor the sizes on the way flatter anybody.
"""

import argparse
import time

import torch

import nst_utils as nst
from nst_utils.gallery import pair_paths
from nst_utils.runtime import use_bf16

ALPHA, VARIATION = 0.03, 1.0  # `transfer_style`'s own
PAIRS = (("china", "night"), ("chelsea", "wave"))


def textbook(
    network: nst.Backbone, content: torch.Tensor, style: torch.Tensor, steps: int
) -> tuple[torch.Tensor, float]:
    """The picture after `steps` evaluations of L-BFGS, and seconds."""
    began = time.perf_counter()
    network = network.to(memory_format=torch.contiguous_format)
    loss_of = objective(network, content, style)
    x = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [x],
        max_iter=steps,
        max_eval=steps,
        history_size=20,
        tolerance_grad=0,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        features = network(x, loss_of.layers)
        loss = sum(term.weight * term.function(features, x) for term in loss_of.terms.values())
        loss.backward()
        return loss

    optimizer.step(closure)
    return x.detach().clamp(0, 1), time.perf_counter() - began


def objective(network: nst.Backbone, content: torch.Tensor, style: torch.Tensor) -> nst.Objective:
    """The loss of `transfer_style`'s defaults, in float32."""
    terms = {
        "content": nst.content_term(network, content, weight=ALPHA, convention="mean"),
        "style": nst.style_term(network, style, nst.TRANSFER_WEIGHTS, convention="relative"),
        "variation": nst.variation_term(VARIATION),
    }
    return nst.Objective(network, terms)


def compare(name: str, pair: tuple[str, str], size: int, steps: int, precisions: list[str]) -> None:
    """Print the rows of one pair."""
    network = nst.load_backbone(name)
    content, style = (nst.load_image(path, size) for path in pair_paths(*pair))
    image, plain_seconds = textbook(network, content, style, steps)
    loss_of = objective(network, content, style)
    with torch.no_grad():
        aim = loss_of(image)[0].item()
    row = f"{pair[0]}, {pair[1]:8}"
    print(f"{row}{'textbook':10}{steps:>8}{plain_seconds:>9.1f}{aim:>9.4f}", flush=True)
    for precision in precisions:
        for ours in (steps // 4, steps // 2, steps, 2 * steps, 4 * steps):
            result = nst.transfer_style(
                content,
                style,
                size=None,
                backbone=network,
                steps=ours,
                precision=precision,
                progress=False,
            )
            with torch.no_grad():
                loss = loss_of(result.image)[0].item()
            ratio = plain_seconds / result.seconds
            print(
                f"{row}{precision:10}{ours:>8}{result.seconds:>9.1f}{loss:>9.4f}"
                f"   {ratio:.1f} times faster" + (", loss reached" if loss <= aim else ""),
                flush=True,
            )
            if loss <= aim:
                break


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="mini_vgg19")
    parser.add_argument("--size", type=int, default=512, help="longer side in pixels")
    parser.add_argument("--steps", type=int, default=300, help="of the textbook loop")
    args = parser.parse_args()
    bf16 = use_bf16("auto", torch.device("cpu"))
    print(f"{args.backbone} at {args.size} pixels on {torch.get_num_threads()} CPU threads.")
    print(f"{'pair':17}{'run':10}{'evals':>8}{'seconds':>9}{'loss':>9}")
    for pair in PAIRS:
        compare(args.backbone, pair, args.size, args.steps, ["fp32", "bf16"][: 1 + bf16])


if __name__ == "__main__":
    main()
