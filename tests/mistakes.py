"""The mistakes of docs/mistakes.md, made: for each exercise, what a student might write."""

import torch
from mistakes_creative_control import MISTAKES as CREATIVE_CONTROL
from mistakes_fast_style_transfer import MISTAKES as FAST_STYLE_TRANSFER
from torch.nn.functional import avg_pool2d, max_pool2d, pad

import nst_utils as nst


def detached(function):
    return lambda first, *others: function(first.detach(), *others)


def colours_first(array):
    return array.permute(2, 0, 1).unsqueeze(0)


def differences(x, measure=torch.square):
    return measure(x[..., :, 1:] - x[..., :, :-1]), measure(x[..., 1:, :] - x[..., :-1, :])


def rolled(x):
    return sum((x - x.roll(1, dim)).square().mean() for dim in (-1, -2))


def narrowed(x):
    right, down = differences(x)
    return right.mean() / (x.shape[-1] - 1) + down.mean()


def squares(f, t):
    return (f - t).square().sum()


def flat(f):
    return f.flatten(2)


def centred(f):
    return f - f.mean((2, 3), keepdim=True)


def parts(features, target, grams):
    content = nst.content_loss(features[nst.CONTENT_LAYER], target)
    return content, [nst.style_loss(nst.gram_matrix(features[k]), grams[k]) for k in grams]


def total(combine):
    """A total_loss that puts its two parts together in its own way."""

    def total_loss(features, target, grams, alpha, beta):
        content, style = parts(features, target, grams)
        return combine(content, style, alpha, beta)

    return total_loss


def style_of_all_layers(features, target, grams, alpha, beta):
    return sum(nst.style_loss(nst.gram_matrix(features[k]), grams[k]) for k in features)


def detached_total(features, *others):
    return nst_total({name: f.detach() for name, f in features.items()}, *others)


def mean(values):
    return sum(values) / len(values)


nst_total = total(lambda c, s, a, b: a * c + b * mean(s))


def start(kind, content, style, seed=0, /, **changes):
    """A right start_image, with some of its three starts replaced."""
    starts = {
        "content": lambda: content.clone(),
        "style": lambda: nst.resize(style, tuple(content.shape[-2:])).clone(),
        "noise": lambda: nst.white_noise(tuple(content.shape[-2:]), seed),
    }
    return changes.get(kind, lambda *_: starts[kind]())(content, style, seed)


def start_with(**changes):
    return lambda kind, c, s, seed=0: start(kind, c, s, seed, **changes)


def globally_seeded(content, style, seed):
    torch.manual_seed(seed)
    return torch.rand(content.shape)


def normal(content, style, seed):
    return torch.randn(content.shape, generator=torch.Generator().manual_seed(seed))


def blend(combine):
    """A blended_loss that puts the styles' losses together in its own way."""
    return lambda G, A, w: combine([nst.style_loss(G, a) for a in A], w)


def weighted(values, weights):
    return sum(w * value for w, value in zip(weights, values, strict=True))


def masked(f, mask):
    """Gram matrix of features times mask, not divided by anything."""
    return nst.gram_matrix(f * mask, "sum")


def least(mask, stride, reach, padding=None):
    reached = reach if padding is None else padding
    return -max_pool2d(-mask, stride + 2 * reach, stride, reached)


def padded(mask, stride, reach, rows_only=False):
    sides = (0, 0, reach, reach) if rows_only else (reach,) * 4
    return least(pad(mask, sides), stride, reach, padding=(0, reach if rows_only else 0))


def wide_window(mask, stride, reach):
    return least(pad(mask, (2 * reach,) * 4, value=1.0), stride, 3 * reach, padding=reach)


def he(variance):
    """A he_weights with its own rule for the variance, from out, in and size."""

    def he_weights(out, into, size, generator):
        return (
            torch.randn(out, into, size, size, generator=generator)
            * variance(out, into, size) ** 0.5
        )

    return he_weights


def ratio_of(values):
    return values.sum() ** 2 / values.square().sum()


def present(records, score):
    return torch.tensor([record[score] for record in records if score in record])


def spread_by(measure):
    return lambda records, score: (present(records, score).mean(), measure(present(records, score)))


def others(weights):
    """The weights without each layer in turn."""
    return [{k: w for k, w in weights.items() if k != missing} for missing in weights]


def scaled(weights, factor):
    return [{k: w * factor(some) for k, w in some.items()} for some in others(weights)]


def emptied(weights):
    return [weights.pop(layer) for layer in list(weights)]


MISTAKES = {
    "estimate_seconds": {
        "steps left out": lambda t, a, b, n: t * (b / a) ** 2,
        "a fixed overhead added": lambda t, a, b, n: t * (b / a) ** 2 * n + 1,
        "size left out": lambda t, a, b, n: t * n,
        "side instead of pixels": lambda t, a, b, n: t * b / a * n,
        "ratio upside down": lambda t, a, b, n: t * (a / b) ** 2 * n,
        "cubed": lambda t, a, b, n: t * (b / a) ** 3 * n,
        "whole-number division": lambda t, a, b, n: t * (b // a) ** 2 * n,
        "right for powers of two only": lambda t, a, b, n: t * (3 * b / a - 2) * n,
    },
    "to_image_tensor": {
        "NumPy array returned": lambda x: (colours_first(x).float() / 255).numpy(),
        "no batch axis": lambda x: x.permute(2, 0, 1) / 255,
        "rows and columns swapped": lambda x: x.permute(2, 1, 0).unsqueeze(0) / 255,
        "colours left at the end": lambda x: x.unsqueeze(0) / 255,
        "64 bits": lambda x: colours_first(x).double() / 255,
        "not divided": lambda x: colours_first(x).float(),
        "range [-1, 1]": lambda x: colours_first(x) / 127.5 - 1,
        "reshaped": lambda x: x.reshape(1, 3, *x.shape[:2]) / 255,
        "divided by 256": lambda x: colours_first(x) / 256,
        "divided by the maximum": lambda x: colours_first(x) / x.max(),
    },
    "content_loss": {
        "a Python number": lambda f, p: (0.5 * squares(f, p)).item(),
        "not added up": lambda f, p: 0.5 * (f - p).square(),
        "no 1/2": squares,
        "mean": torch.nn.functional.mse_loss,
        "half the mean": lambda f, p: 0.5 * (f - p).square().mean(),
        "absolute values": lambda f, p: 0.5 * (f - p).abs().sum(),
        "sum squared": lambda f, p: 0.5 * (f - p).sum().square(),
        "norm": lambda f, p: (f - p).norm(),
        "target added": lambda f, p: 0.5 * squares(f, -p),
        "detached": detached(nst.content_loss),
    },
    "content_gradient": {
        "added up": lambda z, p: ((z.relu() - p) * (z > 0)).sum(),
        "factor 2": lambda z, p: 2 * (z.relu() - p) * (z > 0),
        "mean": lambda z, p: (z.relu() - p) * (z > 0) / z.numel(),
        "sign": lambda z, p: (p - z.relu()) * (z > 0),
        "rectifier forgotten": lambda z, p: z - p,
        "constant 1": lambda z, p: (z > 0).float(),
        "blocked by the target": lambda z, p: (z.relu() - p) * (p > 0) * (z > 0),
    },
    "total_variation": {
        "one value for each image": lambda x: sum(d.mean((1, 2, 3)) for d in differences(x)),
        "sums": lambda x: sum(d.sum() for d in differences(x)),
        "absolute values": lambda x: sum(d.mean() for d in differences(x, torch.abs)),
        "right only": lambda x: differences(x)[0].mean(),
        "down only": lambda x: differences(x)[1].mean(),
        "one mean for both": lambda x: torch.cat([d.flatten() for d in differences(x)]).mean(),
        "diagonal": lambda x: (x[..., 1:, 1:] - x[..., :-1, :-1]).square().mean(),
        "values, not differences": lambda x: x.square().mean() * 2.8,
        "wraps round": rolled,
        "divided by the width less 1": narrowed,
        "summed over the batch": lambda x: len(x) * nst.total_variation(x),
        "detached": detached(nst.total_variation),
    },
    "gram_matrix": {
        "positions by positions": lambda f: flat(f).transpose(1, 2) @ flat(f),
        "batch axis lost": lambda f: nst.gram_matrix(f)[0],
        "plain sum": lambda f: flat(f) @ flat(f).transpose(1, 2),
        "divided by N M": lambda f: flat(f) @ flat(f).transpose(1, 2) / f[0].numel(),
        "divided by N": lambda f: flat(f) @ flat(f).transpose(1, 2) / f.shape[1],
        "centred": lambda f: nst.gram_matrix(centred(f)),
        "channels mixed up": lambda f: nst.gram_matrix(f.permute(0, 2, 3, 1).reshape(f.shape)),
        "squared entry by entry": lambda f: torch.diag_embed(flat(f).square().mean(2)),
        "detached": detached(nst.gram_matrix),
    },
    "style_loss": {
        "not added up": lambda g, a: (g - a).square() / (4 * g.shape[-1] ** 2),
        "divided by M squared": lambda g, a: nst.style_loss(g, a) / 3**2,
        "no 1/4": lambda g, a: squares(g, a) / g.shape[-1] ** 2,
        "N, not squared": lambda g, a: squares(g, a) / (4 * g.shape[-1]),
        "batch taken for N": lambda g, a: squares(g, a) / (4 * g.shape[0] ** 2),
        "no constant": squares,
        "mean divided again": lambda g, a: (g - a).square().mean() / (4 * g.shape[-1] ** 2),
        "absolute values": lambda g, a: (g - a).abs().sum() / (4 * g.shape[-1] ** 2),
        "norm": lambda g, a: (g - a).norm() / (4 * g.shape[-1] ** 2),
        "N fixed at 3": lambda g, a: squares(g, a) / 36,
        "target left out": lambda g, a: nst.style_loss(g, torch.zeros_like(a)),
        "detached": detached(nst.style_loss),
    },
    "covariance": {
        "batch axis lost": lambda f: torch.cov(flat(f)[0], correction=0),
        "Gram matrix": nst.gram_matrix,
        "one mean for all channels": lambda f: nst.gram_matrix(f - f.mean()),
        "mean over channels": lambda f: nst.gram_matrix(f - f.mean(1, keepdim=True)),
        "divided by M - 1": lambda f: torch.cov(flat(f)[0])[None],
        "plain sum": lambda f: nst.gram_matrix(centred(f), "sum"),
        "correlation": lambda f: torch.corrcoef(flat(f)[0])[None],
        "divided by N M": lambda f: nst.gram_matrix(centred(f)) / f.shape[1],
        "detached": detached(lambda f: nst.gram_matrix(centred(f))),
    },
    "total_loss": {
        "all layers as style": style_of_all_layers,
        "not added up": total(lambda c, s, a, b: a * c + b * torch.stack(s)),
        "weights swapped": total(lambda c, s, a, b: b * c + a * mean(s)),
        "style always counted": total(lambda c, s, a, b: a * c + mean(s)),
        "sum of layers": total(lambda c, s, a, b: a * c + b * sum(s)),
        "always five layers": total(lambda c, s, a, b: a * c + b * sum(s) / 5),
        "last layer only": total(lambda c, s, a, b: a * c + b * s[-1]),
        "squared": total(lambda c, s, a, b: a * c + (b * mean(s)) ** 2),
        "weights normalised": total(lambda c, s, a, b: (a * c + b * mean(s)) / (a + b)),
        "detached": detached_total,
    },
    "start_image": {
        "painting not resized": start_with(style=lambda c, s, _: s.clone()),
        "noise of the painting's size": start_with(noise=lambda c, s, k: globally_seeded(s, c, k)),
        "photograph not cloned": start_with(content=lambda c, s, _: c),
        "painting not cloned": start_with(
            style=lambda c, s, _: nst.resize(s, tuple(c.shape[-2:])),
        ),
        "no seed": start_with(noise=lambda c, s, _: torch.rand(c.shape)),
        "fixed seed": start_with(noise=lambda c, s, _: nst.white_noise(tuple(c.shape[-2:]), 0)),
        "global seed": start_with(noise=globally_seeded),
        "normal noise": start_with(noise=normal),
    },
    "blended_loss": {
        "a Python number": lambda *given: blend(weighted)(*given).item(),
        "one value for each style": blend(lambda E, w: torch.stack(E) * torch.tensor(w)),
        "matrices averaged": lambda G, A, w: nst.style_loss(G, weighted(A, w)),
        "no weights": blend(lambda E, w: sum(E)),
        "plain mean": blend(lambda E, w: mean(E)),
        "last style only": blend(lambda E, w: w[-1] * E[-1]),
        "weights in reverse": blend(lambda E, w: weighted(E, w[::-1])),
        "weights normalised": blend(lambda E, w: weighted(E, w) / sum(w)),
        "detached": detached(blend(weighted)),
    },
    "guided_gram": {
        "batch axis lost": lambda f, m: nst.guided_gram(f, m)[0],
        "mask not normalised": masked,
        "divided by the sum of squares": lambda f, m: masked(f, m / m.square().sum()),
        "no mask": lambda f, m: nst.gram_matrix(f),
        "mask upside down": lambda f, m: masked(f, 1 - m) / m.square().sum(),
        "two positions assumed": lambda f, m: masked(f, m) / 2,
        "divided by the root of the sum": lambda f, m: masked(f, m / m.sum().sqrt()),
        "mask used once": lambda f, m: masked(f, m.sqrt()) / m.sum(),
        "mask rounded up": lambda f, m: nst.guided_gram(f, (m > 0).float()),
        "detached": detached(nst.guided_gram),
    },
    "positions_inside": {
        "no stride": lambda m, stride, reach: least(m, 1, reach),
        "zeros beyond the border": padded,
        "greatest instead of least": lambda m, stride, reach: -least(-m, stride, reach),
        "reach left out": lambda m, stride, reach: least(m, stride, 0),
        "three times the reach": wide_window,
        "mean": lambda m, stride, reach: avg_pool2d(
            m, stride + 2 * reach, stride, reach, count_include_pad=False
        ),
        "zeros above": lambda m, stride, reach: padded(m, stride, reach, rows_only=True),
    },
    "he_weights": {
        "in and out swapped": lambda out, into, *rest: he(lambda o, i, k: 2 / 72)(into, out, *rest),
        "variance for spread": he(lambda out, into, size: (2 / (into * size**2)) ** 2),
        "no 2": he(lambda out, into, size: 1 / (into * size**2)),
        "what goes out": he(lambda out, into, size: 2 / (out * size**2)),
        "channels only": he(lambda out, into, size: 2 / into),
        "zeros": he(lambda out, into, size: 0),
        "uniform": lambda out, into, k, g: (
            torch.rand(out, into, k, k, generator=g) * (24 / (into * k * k)) ** 0.5
        ),
        "generator not used": lambda out, into, size, _: he(lambda o, i, k: 2 / (i * k**2))(
            out, into, size, None
        ),
    },
    "participation_ratio": {
        "upside down": lambda g: 1 / ratio_of(torch.linalg.eigvalsh(g)),
        "rank": torch.linalg.matrix_rank,
        "sum not squared": lambda g: g.trace() / g.square().sum(),
        "sum only": torch.trace,
        "diagonal": lambda g: ratio_of(g.diagonal()),
        "four eigenvalues only": lambda g: ratio_of(torch.linalg.eigvalsh(g)[-4:]),
    },
    "mean_and_spread": {
        "failed run asked": lambda records, score: [record[score] for record in records],
        "mean only": lambda records, score: present(records, score).mean(),
        "failed run as 0": lambda records, score: (mean([r.get(score, 0) for r in records]), 0.02),
        "sum": lambda records, score: (present(records, score).sum(), 0.02),
        "divided by n": spread_by(lambda values: values.std(correction=0)),
        "variance": spread_by(torch.var),
        "range": spread_by(lambda values: values.max() - values.min()),
    },
    "leave_one_out": {
        "input emptied": emptied,
        "dict of dicts": lambda weights: dict(zip(weights, others(weights), strict=True)),
        "weight 0": lambda weights: [weights | {missing: 0.0} for missing in weights],
        "not scaled": others,
        "sum 1": lambda weights: scaled(weights, lambda some: 1 / sum(some.values())),
        "one factor for all": lambda weights: scaled(weights, lambda some: 4 / 3),
    },
}
MISTAKES |= CREATIVE_CONTROL | FAST_STYLE_TRANSFER
