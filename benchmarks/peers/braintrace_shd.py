"""BrainTrace's pp_prop (ES-D-RTRL) on 700 inputs, 450 neurons, recurrent if the batch file says so, 20 leaky readouts.

The neuron is that of the spec, written as a module of the library: its membrane is the hidden state, and the
derivative of a spike belongs to the learning signal. The whole sequence, from the weights to Adam's, is one compiled
function; the library's own driver goes through the steps. Formulation `batched`: the samples are an axis of every
state. `vmapped`: one sample, mapped over the batch by the library (`compile(..., vmap=True)`).

pp_prop divides by the bias of its smoothing, as Adam does, which the paper does not print: 1 - a^t at step t, from 1.
"""

import os
import time

import brainstate
import braintools
import braintrace
import jax
import jax.numpy as jnp
import numpy as np
import optax
import protocol
from jax.lax import stop_gradient

T, B, INPUTS, HIDDEN, CLASSES = 100, 128, 700, 450, 20
LEAK, THETA, READOUT_LEAK, SMOOTHING = 0.9, 0.6, 0.95, 0.9
SPIKE = braintools.surrogate.ReluGrad(alpha=0.3, width=1.0)  # a triangle: 0.3 high, 1 to each side


def make(path, recurrent):
    g = np.random.default_rng(1)
    shapes = {"h_in/weight": (HIDDEN, INPUTS), "out/weight": (CLASSES, HIDDEN)}
    if recurrent:
        shapes["h_rec/weight"] = (HIDDEN, HIDDEN)
    inputs = (g.random((T, B, INPUTS)) < 0.11).astype(np.float32)
    labels = g.integers(0, CLASSES, B)
    protocol.write(path, inputs, labels, {
        name: g.uniform(-(shape[1] ** -0.5), shape[1] ** -0.5, shape).astype(np.float32)
        for name, shape in shapes.items()
    })  # fmt: skip


class Network(brainstate.nn.Module):
    """`weights` [inputs, outputs] by name; `batch`: the axes of a state before that of the neurons."""

    def __init__(self, weights, batch):
        super().__init__()
        self.weights = {name: brainstate.ParamState(w) for name, w in weights.items()}
        self.batch, self.dtype = batch, next(iter(weights.values())).dtype

    def init_state(self, *_, **__):
        self.v = brainstate.HiddenState(jnp.zeros((*self.batch, HIDDEN), self.dtype))
        self.score = brainstate.HiddenState(jnp.zeros((*self.batch, CLASSES), self.dtype))

    def begin(self):
        for state in (self.v, self.score):
            state.value = jnp.zeros_like(state.value)

    def update(self, x):
        """One step: the readout [..., classes], and the share of neurons that spike."""
        last = self.v.value
        before = SPIKE(last - THETA)
        current = braintrace.matmul(x, self.weights["h_in/weight"].value)
        if "h_rec/weight" in self.weights:
            current += braintrace.matmul(before, self.weights["h_rec/weight"].value)
        self.v.value = LEAK * (last - THETA * stop_gradient(before)) + current
        spikes = SPIKE(self.v.value - THETA)
        self.score.value = READOUT_LEAK * self.score.value + braintrace.matmul(
            spikes, self.weights["out/weight"].value
        )
        return self.score.value, stop_gradient(spikes).mean()


def batched(inputs, weights):
    network = Network(weights, (inputs.shape[1],))
    learner = braintrace.compile(
        network,
        braintrace.pp_prop,
        inputs[0],
        batch_size=inputs.shape[1],
        decay_or_rank=SMOOTHING,
    )
    return network, learner, learner


def vmapped(inputs, weights):
    network = Network(weights, ())
    driver = braintrace.compile(
        network,
        braintrace.pp_prop,
        inputs[0],
        batch_size=inputs.shape[1],
        decay_or_rank=SMOOTHING,
        vmap=True,
    )
    return network, driver.module, driver


def compiled(network, learner, driver, optimiser):
    """`step(weights, optimiser's state, inputs, labels)`: weights, gradients and the spike rate, all of one batch."""
    states = learner.param_states

    def step(weights, moments, inputs, labels):
        network.begin()
        learner.reset_state(batch_size=inputs.shape[1])
        for path, state in states.items():
            state.value = weights[path]

        def loss(x):
            score, rate = driver(x)
            found = optax.softmax_cross_entropy_with_integer_labels(score, labels)
            return found.mean(), rate.mean()

        gradients, rates = driver.etrace_grad(inputs, step_fn=loss, reduction="sum", has_aux=True)
        change, moments = optimiser.update(gradients, moments, weights)
        return optax.apply_updates(weights, change), moments, gradients, rates.mean()

    return brainstate.transform.jit(step)


def main(args, formulation):
    """As `common.main`: the first run, which compiles, is what is written; the others are timed."""
    os.environ["NPROC"] = str(args.threads)  # JAX makes its threads when it computes first
    jax.config.update("jax_enable_x64", args.dtype == "float64")
    brainstate.environ.set(precision=int(args.dtype[-2:]))
    inputs, labels, stored = protocol.read(args.batch)
    inputs, labels = jnp.asarray(inputs, args.dtype), jnp.asarray(labels)
    network, learner, driver = formulation(
        inputs, {name: jnp.asarray(w.T, args.dtype) for name, w in stored.items()}
    )
    first = {path: state.value for path, state in learner.param_states.items()}
    names = {path: path[-1] for path in first}
    optimiser = optax.adam(2e-4)
    step, moments = compiled(network, learner, driver, optimiser), optimiser.init(first)
    times, rate = [], 0.0
    for number in range(args.repeat + 1):
        jax.block_until_ready((first, moments, inputs))
        start = time.perf_counter()
        after, _, gradients, rate = jax.block_until_ready(step(first, moments, inputs, labels))
        seconds = time.perf_counter() - start
        if number:
            times.append(seconds)
        elif args.out:
            protocol.keep(
                args.out,
                {names[path]: np.asarray(g).T[None] for path, g in gradients.items()},
                {names[path]: np.asarray(w).T for path, w in after.items()},
            )
    versions = {"braintrace": braintrace.__version__, "jax": jax.__version__}
    protocol.report(times, {"h": float(rate)}, args.threads, versions)


FORMULATIONS = {"batched": batched, "vmapped": vmapped}

if __name__ == "__main__":
    parser = protocol.parser(list(FORMULATIONS), devices=("cpu",))
    parser.add_argument(
        "--recurrent", action="store_true", help="the batch file is for a recurrent network"
    )
    args = parser.parse_args()
    if args.write:
        make(args.batch, args.recurrent)
    else:
        main(args, FORMULATIONS[args.formulation])
