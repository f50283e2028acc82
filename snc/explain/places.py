"""Where a value lives, in words."""

from __future__ import annotations

from snc.build.experiment import Built, named_value
from snc.build.values import Num, Val
from snc.diagnostics import DataError, did_you_mean
from snc.graph.graph import PARTNER, SAMPLE, Axes, Axis, features, file_order


def place_in_words(axes: Axes) -> str:
    """Axes as a place: `one number for each presynaptic neuron (700) and sample`."""
    each = [_feature_words(axes)] if features(axes) else []
    if PARTNER in axes:
        each.append("pair of samples")
    elif SAMPLE in axes:
        each.append("sample")
    if not each:
        return "one number"
    return f"one number for each {' and '.join(each)}"


def _feature_words(axes: Axes) -> str:
    roles = {a.role for a in axes if a.role}
    kernel = any(a.kind.startswith("kernel") for a in axes)
    if kernel or (roles == {"pre", "post"} and SAMPLE not in axes):
        return (
            f"weight ({_sizes(_side(axes, 'pre'))} -> {_sizes(_side(axes, 'post'))}{_kernel(axes)})"
        )
    if roles == {"pre", "post"}:
        return f"synapse ({_sizes(_side(axes, 'pre'))} -> {_sizes(_side(axes, 'post'))})"
    side = {"pre": "presynaptic ", "post": "postsynaptic "}.get(next(iter(roles), ""), "")
    plain = features(axes)
    kinds = {a.kind for a in plain}
    if kinds & {"rows", "columns", "inner"}:
        return f"entry of a matrix ({_sizes(plain)})"
    what = "channel" if kinds == {"channel"} and SAMPLE not in axes and side else "neuron"
    return f"{side}{what} ({_sizes(plain)})"


def _side(axes: Axes, role: str) -> tuple[Axis, ...]:
    return tuple(a for a in axes if a.role == role)


def _kernel(axes: Axes) -> str:
    sizes = [str(a.size) for a in axes if a.kind.startswith("kernel")]
    return f", kernel {'x'.join(sizes)}" if sizes else ""


def _sizes(axes: tuple[Axis, ...]) -> str:
    plain = [a for a in axes if not a.kind.startswith("kernel")]
    return "x".join(str(a.size) for a in file_order(plain))


def place_of(built: Built, name: str) -> str:
    """Where a value of an experiment lives: of the network (`h.u`) or of a rule (`h_in_stllr.p`).

    Raises DataError if there is no such value.
    """
    value = _rule_value(built, name)
    if value is None:
        value = named_value(built.context, built.learning.experiment, name)
    if isinstance(value, Num):
        return "one number, known before the run"
    if not isinstance(value, Val):
        hint = did_you_mean(name, known_names(built))
        raise DataError("no-such-name", f"there is no value called `{name}`", help=hint)
    return place_in_words(value.axes)


def _rule_value(built: Built, name: str) -> object:
    """A name in the body of a rule, after the path of its instance."""
    head, _, last = name.rpartition(".")
    for rule in built.learning.bound:
        if head in (rule.frame.path, rule.frame.uid):
            if last in rule.frame.definitions:
                return rule.frame.definitions[last].value
            return rule.frame.given.get(last)
    return None


def known_names(built: Built) -> list[str]:
    """All values that have a name, those of rules included."""
    names = []
    for path, members in built.context.registry.items():
        names += [f"{path}.{m}" if path else m for m in members if not m.startswith("@")]
    for rule in built.learning.bound:
        names += [f"{rule.frame.path}.{n}" for n in rule.frame.definitions]
        for side in ("pre", "post", "signal", "weight"):
            if side in rule.frame.given:
                names.append(f"{rule.frame.path}.{side}")
    names += list(built.learning.experiment.definitions)
    return sorted(set(names))
