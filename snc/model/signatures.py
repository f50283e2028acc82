"""Signatures of the builtins, and the bare words that options take."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Names without a mark must be given; `?` marks those that may be left out, `*` takes any number.
_TEXT = """
abs(x) exp(x) log(x) sqrt(x) sign(x) sin(x) cos(x) tanh(x) sigmoid(x) round(x) floor(x) float32(x)
min(a, b) max(a, b) clip(x, low, high) where(condition, yes, no)
sum(x, over?) mean(x, over?, where?) variance(x, over?) norm(x, over?) softmax(x, over?)
argmax(x, over?) size(x, over?) shape(x) flatten(x) reshape(x, shape) concat(*) outer(a, b)
dot(a, b) range(n) linspace(a, b, n) pair_dot(a, b, over?) pair_distance(a, b, over?, offset?)
onehot(label, classes) difference(x, over) warp(image, flow, outside?)
max_pool(x, size, stride?) average_pool(x, size, stride?) average_pool_to(x, size)
resize(x, size, antialias?, premultiplied?, align_corners?)
dense(x, n, bias?, norm?, init?, bias_init?, fixed?, weights?, self?)
conv(x, channels, kernel, stride?, padding?, dilation?, groups?, bias?, norm?, init?, bias_init?, fixed?, weights?)
conv_transpose(x, channels, kernel, stride?, padding?, bias?, norm?, init?, bias_init?, fixed?, weights?)
fan_in(weight) gradient(value, by, backward?) bptt(value, by) influence(value, by) stop(x)
spike(condition, slope) cross_entropy(logits, target, over?) smooth_l1(x)
zeros() ones() fill(value) uniform(low, high?) normal(deviation) kaiming_normal(fan?)
kaiming_uniform(fan?) fan_in_uniform(scale?) one_per_column(draw) bernoulli(p) poisson(rate)
gamma(shape, rate)
sgd(rate, momentum?, nesterov?, schedule?, bounds?) nag(rate, momentum?, schedule?, bounds?)
adam(rate, betas?, eps?, schedule?, bounds?) adamax(rate, betas?, eps?, schedule?, bounds?)
rmsprop(rate, decay?, eps?, momentum?, schedule?, bounds?) cosine(period, floor?)
plateau(quantity, factor?, patience?, threshold?) drops(period, factor) top(n)
"""
OPTIONS: dict[str, frozenset[str]] = {
    "over": frozenset(
        [
            "sample",
            "partner",
            "channel",
            "height",
            "width",
            "space",
            "neuron",
            "rows",
            "columns",
            "pre",
            "post",
            "uses",
            "time",
            "batch",
        ]
    ),
    "fan": frozenset({"in", "out"}),
    "padding": frozenset({"same"}),
    "outside": frozenset({"zero"}),
}
OPTION_WORDS = frozenset(
    [
        "sample",
        "partner",
        "channel",
        "height",
        "width",
        "space",
        "neuron",
        "rows",
        "columns",
        "pre",
        "post",
        "uses",
        "time",
        "batch",
        "out",
        "same",
        "train",
        "test",
        "keep",
        "drop",
        "final",
        "best",
        "all",
        "horizontal",
        "vertical",
        "red",
        "zero",
        "population",
        "kept",
        "in",
    ]
)
VALUES = frozenset(
    [
        "dt",
        "step",
        "steps",
        "length",
        "training",
        "epoch",
        "pi",
        "infinity",
        "true",
        "false",
        "kept",
    ]
)
PROJECTIONS = frozenset({"dense", "conv", "conv_transpose"})


@dataclass(frozen=True)
class Slot:
    """One parameter of a builtin."""

    name: str
    needed: bool = True
    rest: bool = False


def _signatures() -> dict[str, tuple[Slot, ...]]:
    found = {}
    for match in re.finditer(r"(\w+)\(([^)]*)\)", _TEXT):
        names = [n.strip() for n in match[2].split(",") if n.strip()]
        found[match[1]] = tuple(Slot(n.strip("?*"), not n.endswith("?"), n == "*") for n in names)
    return found


SIGNATURES = _signatures()
"""The parameters of every builtin function, by name."""
