"""Experiments with what random ones lack: `next`, several windows and schedules, borrowed weights, kept states."""

from __future__ import annotations

from random_specs import Spec

TRAIN = "    train:\n        optimiser = sgd(0.05)\n"
DENSE = """
network net():
    input x[6]
    h1  = x  | dense(5) | lif(leak = 0.8, theta = 0.4)
    h2  = h1 | dense(4) | lif(leak = 0.8, theta = 0.3)
    out = h2 | dense(3)
experiment odd:
    network = net()
    dt      = 1 ms
    loss    = mean(cross_entropy(out, label))
    predict = argmax(total(out))
"""
PICTURE = """
network net():
    input x[2, 8, 7]
    h1  = x  | {first}
    h2  = h1 | {second}
    out = h2 | flatten | dense(3)
experiment odd:
    network = net()
    loss    = mean(cross_entropy(out, label))
    learn h1, h2 by {rule} from {signal}
    learn out by descent(loss)
"""
LIF = "lif(leak = 0.8, theta = 0.3)"
RECORDS = ("h1", "h2", "out")


def dense(learn: str, train: str = TRAIN, more: str = "") -> str:
    """The dense network with what it is told."""
    return more + DENSE + "".join(f"    {line}\n" for line in learn.splitlines()) + train


def picture(
    first: str,
    second: str,
    rule: str = "stllr()",
    signal: str = "backprop(loss)",
    train: str = TRAIN,
) -> str:
    """The network of pictures."""
    first, second = (
        layer.replace(" |", f" | {LIF} |", 1) if " |" in layer else f"{layer} | {LIF}"
        for layer in (first, second)
    )
    return PICTURE.format(first=first, second=second, rule=rule, signal=signal) + train


def train(**settings: str) -> str:
    """A `train:` block."""
    whole = {"optimiser": "sgd(0.05)", **settings}
    return "    train:\n" + "".join(f"        {k} = {v}\n" for k, v in whole.items())


BY_DESCENT = "learn out by descent(loss)"
ANTI = """
rule anti(rate = 0.01):
    p = 0.5 * p[t-1] + pre
    next weight = weight - rate * sum(post * p, over = uses)
rule renewed(rate = 0.01):
    parameter kept[weight] = 0.5 * stored.weight - mean(weight, over = pre)
    parameter scale[post]  = abs(sum(weight, over = pre))
    next weight = 0.9 * weight + 0.1 * kept - rate * scale * sum(post * pre, over = uses)
    next kept   = kept + 0.01 * stored.weight
rule renewed_stored(rate = 0.01):
    next stored.weight = stored.weight - rate * sum(post * pre, over = uses)
rule homeostasis(target = 0.2):
    parameter mean_rate[post] = fill(0.5)
    next mean_rate = 0.9 * mean_rate + 0.1 * mean(post, over = sample)
    gradient weight = signal * (mean_rate - target) * pre
neuron kept_lif(i, leak = 0.8, theta = 0.4, surrogate = triangle):
    init u = kept
    v   = leak * u[t-1] + i
    psi = surrogate(v - theta)
    s   = spike(v > theta, slope = psi)
    u   = v - theta * stop(s)
    output s
neuron started(i, leak = 0.8, theta = 0.4, surrogate = triangle):
    init v = 0.3
    v   = leak * v[t-1] + i - theta * stop(s[t-1])
    psi = surrogate(v - theta)
    s   = spike(v > theta, slope = psi)
    output s
block noisy(x, p):
    random now[x]   = bernoulli(p) every step
    random flips[x] = uniform(0.5, 1.5) every sequence
    random shift[x] = normal(0.1) every step
    random wide     = normal(0.1) every epoch
    random slow[x]  = gamma(0.7, 2) every sequence
    random fast[x]  = gamma(3, 9) every step
    random more[x]  = poisson(0.2 * x + 0.01) every step
    random many[4]  = poisson(900) every sequence
    random low[x]   = uniform(-p, slow) every step
    output x * now * flips + shift + wide + 0.1 * slow * fast + 0.1 * more + 1e-4 * sum(many) + 0.01 * low
block contrast(e, g):
    logits   = pair_dot(e, g, over = channel)
    distance = pair_distance(e, e, over = channel, offset = 1e-9)
    output mean(cross_entropy(logits, softmax(-distance, over = partner), over = partner))
"""

TEXTS = {
    "stdp": dense(f"learn h1 by stdp(w_max = 3)\nlearn h2 by triplet_stdp(w_max = 3)\n{BY_DESCENT}"),
    "reward stdp": dense(f"learn h1, h2 by reward_stdp(w_max = 3) from reward(label)\n{BY_DESCENT}"),
    "two next rules with windows of their own": dense(
        f"learn h1 by stdp(w_max = 3) during last 2 steps\nlearn h2 by anti() during after 1 steps\n{BY_DESCENT}",
        more=ANTI,
    ),
    "the next value of a normalised weight": dense(
        f"learn h1 by renewed()\nlearn h2 by renewed_stored()\n{BY_DESCENT}", more=ANTI
    ).replace("dense(5)", "dense(5, norm = standardise)").replace("dense(4)", "dense(4, norm = standardise)"),
    "a parameter of a rule": dense(
        f"learn h1, h2 by homeostasis() from backprop(loss)\n{BY_DESCENT}", more=ANTI
    ),
    "updates every 2 and every 3 steps": dense(
        "learn h1 by stllr() from backprop(loss) update every 2 steps\nlearn h2 by ottt() from backprop(loss) "
        f"update every 3 steps\n{BY_DESCENT}"
    ),
    "updates every 4 and every 6 steps": dense(
        "learn h1 by stllr() from backprop(loss) update every 4 steps\nlearn h2 by ottt() from backprop(loss) "
        f"update every 6 steps\n{BY_DESCENT}"
    ),
    "updates every step and every sequence": dense(
        "learn h1 by stllr() from backprop(loss) update every step during last 3 steps\n"
        f"learn h2 by ottt() from feedback(class_error(out, label))\n{BY_DESCENT}"
    ),
    "three optimisers": dense(
        "learn h1 by stllr() from backprop(loss) using adam(1e-2)\nlearn h2 by ottt() from backprop(loss) "
        f"using adamax(1e-2)\n{BY_DESCENT}", train(optimiser="sgd(0.05, momentum = 0.9)", update="every step"),
    ),
    "a moment that is written and not read": dense(
        "learn * by descent(loss)", train(optimiser="adamax(0.01, betas = [0, 0.9])")
    ),
    "through time every 3 steps": dense("learn * by through_time(loss)", train(update="every 3 steps")),
    "through time at every step": dense("learn * by through_time(loss)", train(update="every step")),
    "updates every 2 sequences": dense(
        "learn h1 by stllr() from backprop(loss) using rmsprop(1e-2, momentum = 0.5)\n"
        "learn h2 by ottt() from backprop(loss) during after 2 steps using nag(1e-2, bounds = [-0.5, 0.5])\n"
        f"{BY_DESCENT} update every sequence", train(optimiser="adam(1e-2)", update="every 2 sequences"),
    ),
    "updates every 2 sequences of a window that may stay shut": dense(
        f"random event = bernoulli(0.05) every step\nlearn h1, h2 by ottt() from backprop(loss)\n{BY_DESCENT}",
        train(during="when event", optimiser="adam(1e-2)", update="every 2 sequences"),
    ).replace(BY_DESCENT, f"{BY_DESCENT} during always"),
    "a window of a random event": dense(
        f"random event = bernoulli(0.5) every step\nlearn h1, h2 by ottt() from backprop(loss)\n{BY_DESCENT}",
        train(during="when event", update="every step"),
    ),
    "states that are kept": dense(
        f"learn h1, h2 by ottt() from backprop(loss)\n{BY_DESCENT}", more=ANTI
    ).replace("lif(leak = 0.8, theta = 0.4)", "kept_lif()"),
    "states that start elsewhere": dense(
        "learn * by through_time(loss)", more=ANTI
    ).replace("lif(leak = 0.8, theta = 0.4)", "started()"),
    "random values of every kind": dense(
        f"learn h1, h2 by ottt() from backprop(loss)\n{BY_DESCENT}", more=ANTI
    ).replace("x  | dense(5)", "x | noisy(0.7) | dense(5)"),
    "pairs of samples": dense(
        f"learn h1, h2 by descent(contrast(h1, h1) + contrast(h2, h2))\n{BY_DESCENT}", more=ANTI
    ),
    "borrowed weights": dense("learn * by descent(loss + mean(norm(h3)))").replace(
        "    out = h2",
        "    g   = x  | dense(5, fixed = true) | lif(leak = 0.5, theta = 0.2)\n"
        "    h3  = g  | dense(4, weights = h2) | lif(leak = 0.5, theta = 0.2)\n    out = h2 + h3",
    ),
    "a frozen layer": dense(f"learn h1 by ottt() from backprop(loss)\nfreeze h2\n{BY_DESCENT}"),
    "groups and dilation": picture(
        "conv(4, kernel = 3, dilation = 2)", "conv(6, kernel = 2, groups = 2, bias = true)"
    ),
    "a transposed convolution": picture(
        "conv(4, kernel = 3, stride = 2)", "conv_transpose(3, kernel = 3, stride = 2, norm = standardise)"
    ),
    "paddings of two numbers": picture(
        "conv(4, kernel = 3, padding = [0, 2])", "conv_transpose(3, kernel = [2, 3], padding = [1, 0])"
    ),
    "pools of all kinds": picture(
        "conv(4, kernel = 3, padding = 1) | max_pool(3, stride = 2)", "conv(4, kernel = 2) | average_pool_to(2)",
        "ottt()", "classifier(label, 3)",
    ),
    "square waves": picture(
        "conv(4, kernel = 3, padding = 1)", "conv(4, kernel = 3)", "stllr(0.2, 0.5, 1, 1)",
        "square_wave(label, 3, grid = 2)",
    ),
    "through time through pools": picture(
        "conv(4, kernel = 3, padding = 1) | average_pool(2)", "conv(4, kernel = 2) | max_pool(2)"
    ).replace("by stllr() from backprop(loss)", "by through_time(loss)").replace("descent", "through_time"),
}  # fmt: skip


def odd(name: str) -> Spec:
    """An experiment by what is odd about it."""
    text = TEXTS[name]
    features = (2, 8, 7) if "x[2, 8, 7]" in text else (6,)
    return Spec(text, 9, 3, features, RECORDS)


SYNAPSE = """
rule per_synapse():
    e = 0.9 * e[t-1] + abs(post.psi * pre * weight)
    gradient weight = signal * e
"""
REFUSED = {
    "through time at every step of a window": dense(
        "learn * by through_time(loss)", train(update="every step", during="last 3 steps")
    ),
    "through time beside updates between": dense(
        "learn h1, out by through_time(loss)\nlearn h2 by ottt() from backprop(loss) update every 2 steps"
    ),
    "through time with two schedules": dense(
        "learn h1, out by through_time(loss) update every 4 steps\n"
        "learn h2 by through_time(loss) update every 6 steps"
    ),
    "through time beside next": dense(
        "learn h1, out by through_time(loss)\nlearn h2 by stdp(w_max = 3)"
    ),
    "through time beside a value per synapse": dense(
        "learn h1, out by through_time(loss)\nlearn h2 by per_synapse() from backprop(loss)",
        more=SYNAPSE,
    ),
}
REMEDY = {
    "through time at every step of a window": "many steps; update every sequence, or",
    "through time beside updates between": "give all of it the same `update`",
    "through time with two schedules": "give all of it the same `update`",
    "through time beside next": "learn what it changes by `gradient`",
    "through time beside a value per synapse": "by a rule that has a product form",
}
