"""The mistakes of notebook 07, made; `mistakes` has those of the notebooks before."""

import torch
from torch.linalg import cholesky, inv

WEIGHTS = torch.tensor([0.299, 0.587, 0.114])


def luma(image, weights=WEIGHTS):
    return (image * weights[:, None, None]).sum(1, keepdim=True)


def swapped(painted, photo, weights=WEIGHTS):
    return photo - luma(photo, weights) + luma(painted, weights)


def matched(matrix, center=True, mean=None):
    """A match_statistics with its own matrix, from the style's covariance and the content's."""

    def match_statistics(style, content):
        A = matrix(style.cov(correction=0), content.cov(correction=0))
        moved = style - style.mean(1, keepdim=True) if center else style
        return A @ moved + (content if mean is None else style).mean(1, keepdim=True)

    return match_statistics


def right(s, c):
    return cholesky(c) @ inv(cholesky(s))


def in_place(style, content):
    style -= style.mean(1, keepdim=True)
    return right(style.cov(correction=0), content.cov(correction=0)) @ style


MISTAKES = {
    "swap_luminance": {
        "a list returned": lambda painted, photo: swapped(painted, photo).tolist(),
        "batch axis lost": lambda painted, photo: swapped(painted, photo)[0],
        "grey": lambda painted, photo: luma(painted).expand_as(photo),
        "roles exchanged": lambda painted, photo: swapped(photo, painted),
        "plain mean": lambda painted, photo: swapped(painted, photo, torch.ones(3) / 3),
        "luminance added on top": lambda painted, photo: photo + luma(painted),
        "scaled": lambda painted, photo: photo * luma(painted) / luma(photo),
        "weights of another standard": lambda painted, photo: swapped(
            painted, photo, torch.tensor([0.2126, 0.7152, 0.0722])
        ),
        "clamped": lambda painted, photo: swapped(painted, photo).clamp(0, 1),
        "one luminance for the whole picture": lambda painted, photo: (
            photo - luma(photo).mean() + luma(painted).mean()
        ),
    },
    "match_statistics": {
        "a list returned": lambda style, content: matched(right)(style, content).tolist(),
        "style changed in place": in_place,
        "colours of the content": lambda style, content: content.clone(),
        "mean only": matched(lambda s, c: torch.eye(3, dtype=s.dtype)),
        "inverse left out": matched(lambda s, c: cholesky(c)),
        "inverse forgotten": matched(lambda s, c: cholesky(c) @ cholesky(s)),
        "whitened only": matched(lambda s, c: inv(cholesky(s))),
        "factors in the other order": matched(lambda s, c: inv(cholesky(s)) @ cholesky(c)),
        "covariances for factors": matched(lambda s, c: c @ inv(s)),
        "transposed": matched(lambda s, c: cholesky(c).T @ inv(cholesky(s)).T),
        "each channel by itself": matched(lambda s, c: (c.diagonal() / s.diagonal()).sqrt().diag()),
        "half way": matched(lambda s, c: right(s, (s + c) / 2)),
        "mean of the style": matched(right, mean="style"),
        "style's mean left in": matched(right, center=False),
    },
}
