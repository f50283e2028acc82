"""Neurons, rules and signals written a second time: NumPy, one step after the other, from the equations.

Nothing here reads a spec or goes through the compiler. A neuron is a function that takes a current
[batch, n] and returns its values of this step by name; it remembers the step before. A rule takes what
the projection reads [steps, batch, pre], what the neuron did [steps, batch, post] by name, and the
signal [steps, batch, post]; it returns the summed gradient [post, pre], and keeps every eligibility at
its synapse, [batch, post, pre].
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

Array = np.ndarray
Values = dict[str, Array]
Neuron = Callable[[Array], Values]
Rule = Callable[[Array, Values, Array], Array]


# Slopes -------------------------------------------------------------------------------------------------


def triangle(x: Array) -> Array:
    return np.where(np.abs(x) < 1, 0.3 * (1 - np.abs(x)), 0)


def arctan(x: Array) -> Array:
    return 1 / (1 + np.pi**2 * x**2)


def fast(x: Array, k: float = 100) -> Array:
    return (1 + k * np.abs(x)) ** -2.0


def tanh_slope(x: Array) -> Array:
    return 1 / np.cosh(x) ** 2


def logistic(x: Array, k: float = 4) -> Array:
    return k / (2 + np.exp(k * x) + np.exp(-k * x))


def rational(x: Array, k: float = 10) -> Array:
    return 1 / (1 + k**2 * x**2)


def boxcar(x: Array, width: float = 1) -> Array:
    return ((x > -width / 2) & (x < width / 2)).astype(float)


# Neurons ------------------------------------------------------------------------------------------------


def lif(
    leak: float,
    theta: float,
    slope: Callable[[Array], Array] = triangle,
    *,
    inclusive: bool = False,
    hard: bool = False,
) -> Neuron:
    """Fires above theta (or at it), then subtracts theta (or is set to 0); what is left is leaked."""
    kept: Values = {"u": np.zeros(1)}

    def step(i: Array) -> Values:
        v = leak * kept["u"] + i
        s = (v >= theta if inclusive else v > theta) * 1.0
        u = np.where(s == 1, 0, v) if hard else v - theta * s
        kept.update(u=u)
        return {"v": v, "psi": slope(v - theta), "s": s, "u": u}

    return step


def lif_undecayed(leak: float, theta: float, slope: Callable[[Array], Array] = triangle) -> Neuron:
    """v = leak v[t-1] - theta s[t-1] + i."""
    kept: Values = {"v": np.zeros(1), "s": np.zeros(1)}

    def step(i: Array) -> Values:
        v = leak * kept["v"] - theta * kept["s"] + i
        kept.update(v=v, s=(v > theta) * 1.0)
        return {"v": v, "psi": slope(v - theta), "s": kept["s"]}

    return step


def alif(leak: float, theta: float, beta: float, rho: float) -> Neuron:
    """Threshold A = theta + beta b, b = rho b[t-1] + s[t-1]; psi = slope((v - A) / theta) / theta."""
    kept: Values = {"v": np.zeros(1), "s": np.zeros(1), "b": np.zeros(1)}

    def step(i: Array) -> Values:
        b = rho * kept["b"] + kept["s"]
        v = leak * kept["v"] - theta * kept["s"] + i
        threshold = theta + beta * b
        kept.update(v=v, b=b, s=(v > threshold) * 1.0)
        psi = triangle((v - threshold) / theta) / theta
        return {"v": v, "b": b + 0 * v, "a": threshold + 0 * v, "psi": psi, "s": kept["s"]}

    return step


def lif_refractory(leak: float, theta: float, n: int) -> Neuron:
    """Silent, without slope, for n steps after a spike."""
    kept: Values = {"v": np.zeros(1), "s": np.zeros(1), "silent": np.zeros(1)}

    def step(i: Array) -> Values:
        v = leak * kept["v"] - theta * kept["s"] + i
        able = kept["silent"] <= 0
        s = np.where(able & (v > theta), 1.0, 0.0)
        kept.update(v=v, s=s, silent=np.where(s == 1, n, kept["silent"] - 1))
        return {"v": v, "psi": np.where(able, triangle(v - theta), 0), "s": s}

    return step


def lif_synaptic(leak: float, leak_synapse: float, theta: float) -> Neuron:
    """The current is filtered before it charges the membrane."""
    kept: Values = {"c": np.zeros(1)}
    membrane = lif(leak, theta, fast)

    def step(i: Array) -> Values:
        kept.update(c=leak_synapse * kept["c"] + i)
        return {"c": kept["c"], **membrane(kept["c"])}

    return step


def snu(leak: float, theta: float) -> Neuron:
    """v = i + leak v[t-1] (1 - s[t-1])."""
    kept: Values = {"v": np.zeros(1), "s": np.zeros(1)}

    def step(i: Array) -> Values:
        v = np.where(kept["s"] == 1, 0, leak * kept["v"]) + i
        kept.update(v=v, s=(v > theta) * 1.0)
        return {"v": v, "psi": tanh_slope(v - theta), "s": kept["s"]}

    return step


def decolle_neuron(relax: float) -> Neuron:
    """U = i + R, R = g R[t-1] - (1 - g) S[t-1]; fires above 0."""
    kept: Values = {"r": np.zeros(1), "s": np.zeros(1)}

    def step(i: Array) -> Values:
        r = relax * kept["r"] - (1 - relax) * kept["s"]
        u = i + r
        kept.update(r=r, s=(u > 0) * 1.0)
        return {"u": u, "r": r + 0 * u, "psi": fast(u, 10), "s": kept["s"]}

    return step


def run(neuron: Neuron, currents: Array) -> Values:
    """What a neuron does with currents [steps, batch, n], every value [steps, batch, n]."""
    found = [neuron(i) for i in currents]
    return {name: np.stack([f[name] for f in found]) for name in found[0]}


# Rules --------------------------------------------------------------------------------------------------


def past(x: Array, decay: float, *, strictly: bool = False) -> Array:
    """sum over k <= t (or k < t) of decay^(t-k) x[k]; for k < t the power is one lower."""
    t = np.arange(len(x))
    age = t[:, None] - t - strictly
    kernel = np.where(age >= 0, float(decay) ** np.maximum(age, 0), 0)
    return np.tensordot(kernel, x, 1)


def at_synapses(post: Array, pre: Array) -> Array:
    """[..., post] and [..., pre] to [..., post, pre]."""
    return post[..., :, None] * pre[..., None, :]


def total(signal: Array, e: Array) -> Array:
    """Eligibilities [steps, batch, post, pre] times signals, over steps and samples."""
    return np.einsum("tbj,tbji->ji", signal, e)


def stllr(
    pre: Array, post: Values, signal: Array, *, factors: tuple[float, ...], gate: str
) -> Array:
    """Each pair of a gate and a presynaptic spike, weighted by its distance (S-TLLR eq. 10)."""
    lambda_post, lambda_pre, alpha_post, alpha_pre = factors
    causal = at_synapses(post[gate], past(pre, lambda_pre))
    other = at_synapses(past(post[gate], lambda_post, strictly=True), pre)
    return total(signal, alpha_pre * causal + alpha_post * other)


def eprop(pre: Array, post: Values, signal: Array, *, leak: float, kappa: float) -> Array:
    """ebar = F_kappa(psi F_leak(pre))."""
    return total(signal, past(at_synapses(post["psi"], past(pre, leak)), kappa))


def eprop_alif(pre: Array, post: Values, signal: Array, *, kappa: float, **neuron: float) -> Array:
    """The eligibility vector (eps_v, eps_a) step by step; that of the threshold lags by one."""
    leak, beta, rho = neuron["leak"], neuron["beta"], neuron["rho"]
    eps_v = eps_a = ebar = gradient = 0
    for x, psi, error in zip(pre, post["psi"], signal, strict=True):
        eps_v = leak * eps_v + np.repeat(x[:, None], psi.shape[1], 1)
        slope = psi[:, :, None]
        ebar = kappa * ebar + slope * (eps_v - beta * eps_a)
        gradient = gradient + (error[:, :, None] * ebar).sum(0)
        eps_a = slope * eps_v + (rho - slope * beta) * eps_a
    return gradient


def ostl(pre: Array, post: Values, signal: Array, *, leak: float) -> Array:
    """eps = J eps + x with J = leak ((1 - y) - s h') of the step before; e = h' eps."""
    eps = jacobian = gradient = 0
    for t, x in enumerate(pre):
        psi = post["psi"][t][:, :, None]
        eps = jacobian * eps + np.repeat(x[:, None], psi.shape[1], 1)
        gradient = gradient + (signal[t][:, :, None] * psi * eps).sum(0)
        jacobian = leak * ((1 - post["s"][t][:, :, None]) - post["v"][t][:, :, None] * psi)
    return gradient


def osttp(pre: Array, post: Values, signal: Array, *, leak: float, theta: float) -> Array:
    """eps = leak eps + x - theta e[t-1]; e = psi eps."""
    eps = e = gradient = 0
    for t, x in enumerate(pre):
        eps = leak * eps + np.repeat(x[:, None], post["psi"].shape[2], 1) - theta * e
        e = post["psi"][t][:, :, None] * eps
        gradient = gradient + (signal[t][:, :, None] * e).sum(0)
    return gradient


def decolle(pre: Array, post: Values, signal: Array, *, decay: float) -> Array:
    """Error times slope times the filtered input; OTTT, if it is filtered like the membrane."""
    return total(signal * post["psi"], np.repeat(past(pre, decay)[:, :, None], signal.shape[2], 2))


def stsf(pre: Array, post: Values, signal: Array) -> Array:
    """Spike meets spike."""
    return total(signal, at_synapses(post["s"], pre))


def es_d_rtrl(pre: Array, post: Values, signal: Array, *, a: float, leak: float) -> Array:
    """eps_x = a eps_x + x; eps_f = a D eps_f + (1 - a) psi; their product."""
    return total(signal, at_synapses(past((1 - a) * post["psi"], a * leak), past(pre, a)))


def otpe(pre: Array, post: Values, signal: Array, *, leak: float, above: float) -> Array:
    """R = above R + psi x trace."""
    return total(signal, past(at_synapses(post["psi"], past(pre, leak)), above))


def otpe_factorised(pre: Array, post: Values, signal: Array, *, leak: float, above: float) -> Array:
    """(above-filtered slope) x (above-filtered trace)."""
    return total(signal, at_synapses(past(post["psi"], above), past(past(pre, leak), above)))


def readout(pre: Array, post: Values, signal: Array, *, decay: float) -> Array:
    """Error times trace."""
    return np.einsum("tbj,tbi->ji", signal, past(pre, decay))


SURROGATES = {
    "triangle": triangle,
    "arctan": arctan,
    "fast": fast,
    "tanh_slope": tanh_slope,
    "logistic": logistic,
    "rational": rational,
    "boxcar": boxcar,
}
spikes_gate = partial(stllr, gate="s")
slopes_gate = partial(stllr, gate="psi")
