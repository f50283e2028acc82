"""The file that `snc new rule` writes: ten lines to change, and an experiment to try them."""

from __future__ import annotations

import re
from pathlib import Path

from snc.diagnostics import DataError
from snc.engine.files import write_text
from snc.lang.format import format_spec
from snc.source import Source

# The words that LANGUAGE.md, section 1, keeps for the language, and the names a rule reads.
RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
        and or not each every always last after when by from at during update using with in
        input label constant parameter random init output gradient next learn freeze metric expect
        record for phase cite pre post signal layer weight bias gain stored parameters
        """,
    )
)

TEMPLATE = """\
snc 1
# The rule `{name}`, and an experiment that tries it on 8 x 8 pictures of digits.
#     snc explain {name}.snc      is it local? what does it cost?
#     snc train {name}.snc        does it learn?

rule {name}(lambda = 0.9):
    "Three factors: a trace of the input spikes, the slope of the membrane, and a learning signal."
    # A name has one value per time step; p[t-1] is p one step ago, 0 at the beginning.
    p = lambda * p[t-1] + pre     # made from `pre`, so it lives at the presynaptic neurons
    e = post.psi * p              # post times pre: one per synapse, and yet never stored
    gradient weight = signal * e  # added up over samples and steps
    gradient bias   = signal * post.psi

network pictures(hidden = 100, classes = 10):
    "64 pixels, one layer of spiking neurons, a leaky readout."
    input x[64]
    h   = x | dense(hidden, bias = true) | lif(leak = 0.8, theta = 1, surrogate = fast)
    out = h | dense(classes, bias = true) | integrator(leak = 0.9)

experiment {name}:
    "Is the rule any good? Replace `backprop(loss)` by another signal: `snc list signals`."
    network = pictures()
    data    = digits()
    loss    = mean(cross_entropy(out, label))
    predict = argmax(total(out))
    learn h   by {name}()  from backprop(loss)
    learn out by readout() from backprop(loss)
    train:
        update    = every sequence
        optimiser = adam(1e-3)
        epochs    = 20
        batch     = 32
"""


def write_rule(name: str, folder: Path) -> Path:
    """Write `<name>.snc`. Raises DataError for a name that is none and for a file that exists."""
    if not re.fullmatch(r"[^\W\d]\w*", name):
        help_text = "a letter or `_` first, then letters, digits and `_`"
        raise DataError("bad-name", f"`{name}` cannot be the name of a rule", help=help_text)
    if name in RESERVED:
        raise DataError("bad-name", f"`{name}` is a word of the language", help=f"try `my_{name}`")
    path = folder / f"{name}.snc"
    if path.exists():
        raise DataError(
            "file-exists", "this file exists already", place=str(path), help="choose another name"
        )
    text = TEMPLATE.format(name=name)
    write_text(path, format_spec(Source(path.name, text)))  # how columns align depends on the name
    return path
