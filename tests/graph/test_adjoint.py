"""Every operator's adjoint against central differences of the operator itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from networks import Bench

from snc.diagnostics import InternalError
from snc.graph.adjoint import NO_DERIVATIVE, TABLE, adjoints
from snc.graph.builder import ELEMENTWISE
from snc.graph.geometry import Geometry, convolution, dense
from snc.graph.graph import PARTNER, SAMPLE, Axis, canonical, file_order

BATCH, STEP, LIMIT = 3, 1e-5, 1e-6
C, ROWS = Axis("channel", 4), Axis("rows", 2)
H, W = Axis("height", 5), Axis("width", 6)
PICTURE = canonical((SAMPLE, C, H, W))
Make = Callable[["Case"], str]


class Case(Bench):
    """A bench whose leaves are random."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.random = np.random.default_rng(seed)

    def draw(self, name: str, *axes: Axis, low: float = -1.5, high: float = 1.5) -> str:
        axes = canonical(axes)
        placeholder = self.leaf(name, axes, np.zeros(()))
        order = file_order(axes)
        shape = [a.size or BATCH for a in order]
        whole = (1, *shape) if any(not a.size for a in axes) else shape
        self.values[name] = self.random.uniform(low, high, whole)
        return placeholder

    def scalar_of(self, y: str) -> str:
        """A number that depends on every element of y in its own way."""
        b = self.build
        weights = self.draw("weights", *b.axes(y))
        return b.sum(b.mul(y, weights), b.axes(y))


def worst_error(case: Case, y: str, leaves: list[str]) -> float:
    """The adjoints of the leaves against central differences, relative to the largest derivative."""
    loss = case.scalar_of(y)
    wanted = [case.leaves[name] for name in leaves]
    bars = adjoints(case.build, {loss: case.build.number(1)}, wanted)
    assert None not in bars
    graph = case.graph({"loss": loss, **dict(zip(leaves, bars, strict=True))})
    derived = case.records(graph, batch=BATCH)
    numeric = {name: np.zeros(case.values[name].shape) for name in leaves}
    only = case.graph({"loss": loss})
    for name in leaves:
        value = case.values[name]
        for at in np.ndindex(value.shape):
            kept = value[at]
            sides = []
            for shift in (STEP, -STEP):
                value[at] = kept + shift
                sides.append(case.records(only, batch=BATCH)["loss"][0])
            value[at] = kept
            numeric[name][at] = (sides[0] - sides[1]) / (2 * STEP)
    errors = []
    for name in leaves:
        got = derived[name].reshape(numeric[name].shape)
        assert np.abs(numeric[name]).max() > 1e-3, f"nothing depends on {name}"
        errors.append(np.abs(got - numeric[name]).max() / np.abs(numeric[name]).max())
    return max(errors)


def unary(op: str, low: float = -1.5, high: float = 1.5) -> Make:
    return lambda c: c.build.apply(op, c.draw("x", SAMPLE, C, low=low, high=high))


def binary(op: str, low: float = -1.5, high: float = 1.5) -> Make:
    def make(c: Case) -> str:
        x = c.draw("x", SAMPLE, C, low=low, high=high)
        return c.build.apply(op, x, c.draw("y", SAMPLE, C, low=low, high=high))

    return make


def where(c: Case) -> str:
    condition = c.build.apply("gt", c.draw("z", SAMPLE, C), c.build.number(0))
    return c.build.apply("where", condition, c.draw("x", SAMPLE, C), c.draw("y", SAMPLE, C))


def power_of_a_number(c: Case) -> str:
    return c.build.apply("pow", c.draw("x", SAMPLE, C), c.build.number(3))


def total(c: Case) -> str:
    return c.build.sum(c.draw("x", *PICTURE), (H, W))


def total_of_everything(c: Case) -> str:
    return c.build.sum(c.draw("x", *PICTURE), PICTURE)


def expanded(c: Case) -> str:
    return c.build.expand(c.draw("x", SAMPLE, C), PICTURE)


def pairs(c: Case) -> str:
    b, x = c.build, c.draw("x", SAMPLE, C)
    other = b.rename(b.mul(x, x), [(SAMPLE, PARTNER)])
    return b.mul(x, other)


def reshaped(c: Case) -> str:
    return c.build.reshape(c.draw("x", *PICTURE), (Axis("channel", 120),))


def reshaped_to_a_picture(c: Case) -> str:
    x = c.draw("x", SAMPLE, Axis("channel", 24))
    return c.build.reshape(x, (Axis("channel", 2), Axis("height", 3), Axis("width", 4)))


def joined(c: Case) -> str:
    whole = Axis("channel", 6)
    x, y = c.draw("x", SAMPLE, C, H, W), c.draw("y", SAMPLE, Axis("channel", 2), H, W)
    return c.build.node("concat", (x, y), (SAMPLE, whole, H, W), axis=whole)


def middle_part(c: Case) -> str:
    axes = (SAMPLE, Axis("channel", 2))
    return c.build.node("part", (c.draw("x", SAMPLE, C),), axes, axis=C, start=1, size=2)


def first_part(c: Case) -> str:
    axes = (SAMPLE, Axis("channel", 3))
    return c.build.node("part", (c.draw("x", SAMPLE, C),), axes, axis=C, start=0, size=3)


def softmax_over_classes(c: Case) -> str:
    return c.build.log_softmax(c.draw("x", SAMPLE, C), C)


def softmax_over_partners(c: Case) -> str:
    return c.build.log_softmax(c.draw("x", SAMPLE, PARTNER), PARTNER)


def softmax_over_channels_of_a_picture(c: Case) -> str:
    return c.build.log_softmax(c.draw("x", *PICTURE), C)


def pair_dot(c: Case) -> str:
    b, x = c.build, c.draw("x", SAMPLE, C)
    return b.dot(x, b.rename(c.draw("y", SAMPLE, C), [(SAMPLE, PARTNER)]), (C,))


def pair_dot_with_itself(c: Case) -> str:
    b, x = c.build, c.draw("x", SAMPLE, C)
    return b.dot(x, b.rename(x, [(SAMPLE, PARTNER)]), (C,))


def dot_with_a_matrix(c: Case) -> str:
    inner = Axis("inner", 4)
    x = c.build.rename(c.draw("x", SAMPLE, C), [(C, inner)])
    matrix = c.build.rename(c.draw("m", ROWS, C), [(C, inner)])
    return c.build.dot(x, matrix, (inner,))


def dot_over_samples(c: Case) -> str:
    return c.build.dot(c.draw("x", SAMPLE, C), c.draw("y", SAMPLE, ROWS), (SAMPLE,))


GEOMETRIES = {
    "dense": dense(4, 3),
    "conv": convolution((Axis("channel", 2), H, W), 3, (3, 3), padding=(1, 1)),
    "conv stride 2": convolution((Axis("channel", 2), H, W), 3, (3, 3), stride=2, padding=(1, 1)),
    "conv dilation 2": convolution((Axis("channel", 2), H, W), 3, (3, 2), dilation=2),
    "conv groups": convolution((C, H, W), 6, (3, 3), stride=3, padding=(2, 2), groups=2),
    "conv transposed": convolution(
        (Axis("channel", 2), Axis("height", 3), Axis("width", 2)), 3, (4, 4), stride=2,
        padding=(1, 1), transposed=True,
    ),
}  # fmt: skip


def projected(op: str, geometry: Geometry) -> Make:
    def make(c: Case) -> str:
        weight = lambda: c.draw("w", *geometry.weight)  # noqa: E731
        pre, post = (
            (lambda: c.draw("x", SAMPLE, *geometry.pre)),
            (lambda: c.draw("a", SAMPLE, *geometry.post)),
        )
        match op:
            case "project":
                args, axes = (weight(), pre()), (SAMPLE, *geometry.post)
            case "project_x":
                args, axes = (weight(), post()), (SAMPLE, *geometry.pre)
            case _:
                args, axes = (post(), pre()), geometry.weight
        return c.build.project(op, *args, axes, geometry)

    return make


def pooled(op: str, window: tuple[int, int], stride: tuple[int, int]) -> Make:
    def make(c: Case) -> str:
        x = c.draw("x", *PICTURE)
        size = [(n - k) // s + 1 for n, k, s in zip((5, 6), window, stride, strict=True)]
        axes = canonical((SAMPLE, C, Axis("height", size[0]), Axis("width", size[1])))
        return c.build.node(op, (x,), axes, window=window, stride=stride)

    return make


def unpooled(c: Case) -> str:
    x = c.draw("x", SAMPLE, C, Axis("height", 2), Axis("width", 3))
    return c.build.node("avg_pool_x", (x,), PICTURE, window=(2, 2), stride=(2, 2))


def pooled_to(c: Case) -> str:
    axes = canonical((SAMPLE, C, Axis("height", 2), Axis("width", 4)))
    return c.build.node("avg_pool_to", (c.draw("x", *PICTURE),), axes, size=(2, 4))


def unpooled_to(c: Case) -> str:
    x = c.draw("x", SAMPLE, C, Axis("height", 2), Axis("width", 4))
    return c.build.node("avg_pool_to_x", (x,), PICTURE, size=(2, 4))


def resized(op: str, **how: bool) -> Make:
    def make(c: Case) -> str:
        small = (SAMPLE, C, Axis("height", 3), Axis("width", 8))
        whole, out = (PICTURE, small) if op == "resize" else (small, PICTURE)
        how_all = {"antialias": False, "corners": False, **how}
        return c.build.node(op, (c.draw("x", *whole),), out, **how_all)

    return make


FLOW = canonical((SAMPLE, Axis("channel", 2), H, W))


def warped(c: Case) -> str:
    """The flow stays clear of whole pixels, where its derivative jumps."""
    image, flow = c.draw("x", *PICTURE), c.draw("f", *FLOW, low=0.2, high=0.8)
    return c.build.node("warp", (image, flow), PICTURE)


def warped_back(c: Case) -> str:
    flow, a = c.draw("f", *FLOW, low=-0.8, high=-0.2), c.draw("a", *PICTURE)
    return c.build.node("warp_image", (flow, a), PICTURE)


OPERATORS: dict[str, tuple[Make, list[str]]] = {
    **{op: (unary(op), ["x"]) for op in ("neg", "exp", "abs", "sin", "cos", "tanh", "sigmoid")},
    **{op: (unary(op, 0.3, 2.0), ["x"]) for op in ("log", "sqrt")},
    **{op: (binary(op), ["x", "y"]) for op in ("add", "sub", "mul", "max", "min")},
    **{op: (binary(op, 0.4, 2.0), ["x", "y"]) for op in ("div", "pow")},
    "pow of a number": (power_of_a_number, ["x"]),
    "where": (where, ["x", "y"]),
    "sum": (total, ["x"]),
    "sum of everything": (total_of_everything, ["x"]),
    "expand": (expanded, ["x"]),
    "rename": (pairs, ["x"]),
    "reshape": (reshaped, ["x"]),
    "reshape to a picture": (reshaped_to_a_picture, ["x"]),
    "concat": (joined, ["x", "y"]),
    "part": (middle_part, ["x"]),
    "part at the start": (first_part, ["x"]),
    "log_softmax": (softmax_over_classes, ["x"]),
    "log_softmax over partners": (softmax_over_partners, ["x"]),
    "log_softmax over channels": (softmax_over_channels_of_a_picture, ["x"]),
    "dot of pairs": (pair_dot, ["x", "y"]),
    "dot of pairs of one value": (pair_dot_with_itself, ["x"]),
    "dot": (dot_with_a_matrix, ["x", "m"]),
    "dot over samples": (dot_over_samples, ["x", "y"]),
    **{f"project {k}": (projected("project", g), ["w", "x"]) for k, g in GEOMETRIES.items()},
    **{f"project_x {k}": (projected("project_x", g), ["w", "a"]) for k, g in GEOMETRIES.items()},
    **{f"project_w {k}": (projected("project_w", g), ["a", "x"]) for k, g in GEOMETRIES.items()},
    "max_pool": (pooled("max_pool", (2, 2), (2, 2)), ["x"]),
    "max_pool overlapping": (pooled("max_pool", (3, 2), (1, 2)), ["x"]),
    "avg_pool": (pooled("avg_pool", (2, 3), (2, 3)), ["x"]),
    "avg_pool overlapping": (pooled("avg_pool", (3, 3), (2, 1)), ["x"]),
    "avg_pool_x": (unpooled, ["x"]),
    "avg_pool_to": (pooled_to, ["x"]),
    "avg_pool_to_x": (unpooled_to, ["x"]),
    "resize": (resized("resize"), ["x"]),
    "resize antialias": (resized("resize", antialias=True), ["x"]),
    "resize corners": (resized("resize", corners=True), ["x"]),
    "resize_x": (resized("resize_x"), ["x"]),
    "warp": (warped, ["x", "f"]),
    "warp_image": (warped_back, ["f", "a"]),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_adjoint_is_the_derivative(name: str) -> None:
    make, leaves = OPERATORS[name]
    case = Case()
    assert worst_error(case, make(case), leaves) < LIMIT


def test_no_operator_with_an_adjoint_is_left_out_of_these_tests() -> None:
    by_formula = {"spike", "float32"}
    tested = {name.split()[0] for name in OPERATORS} | by_formula
    assert {*TABLE, "project"} <= tested
    assert tested | NO_DERIVATIVE >= ELEMENTWISE


SMALLER = [(), (C,), (SAMPLE,), (SAMPLE, C), (H, W), (SAMPLE, H), (C, W)]


@pytest.mark.parametrize("axes", SMALLER, ids=lambda axes: " ".join(a.kind for a in axes) or "none")
@pytest.mark.parametrize("op", ["add", "mul", "div"])
def test_what_was_broadcast_gets_the_sum_of_the_adjoints(op: str, axes: tuple[Axis, ...]) -> None:
    case = Case()
    x = case.draw("x", *PICTURE, low=0.5, high=2)
    y = case.build.apply(op, x, case.draw("y", *axes, low=0.5, high=2))
    assert worst_error(case, y, ["x", "y"]) < LIMIT


@pytest.mark.parametrize(
    "kind", ["dense", "conv", "conv stride 2", "conv groups", "conv transposed"]
)
def test_the_derivative_of_a_derivative_is_one_too(kind: str) -> None:
    """A loss that is nonlinear in a projection; its gradients by w and x are differentiated again."""
    case, geometry = Case(), GEOMETRIES[kind]
    b = case.build
    w, x = case.draw("w", *geometry.weight), case.draw("x", SAMPLE, *geometry.pre)
    y = b.project("project", w, x, [SAMPLE, *geometry.post], geometry)
    inner = b.sum(b.apply("tanh", y), b.axes(y))
    by_w, by_x = adjoints(b, {inner: b.number(1)}, [w, x])
    assert by_w is not None
    assert by_x is not None
    again = b.mul(b.sum(b.mul(by_w, by_w), b.axes(by_w)), b.sum(b.mul(by_x, by_x), b.axes(by_x)))
    assert worst_error(case, again, ["w", "x"]) < LIMIT


def test_the_derivative_of_a_standardised_weight_goes_through_mean_and_variance() -> None:
    case, geometry = Case(), dense(6, 3)
    b = case.build
    w, g = case.draw("w", *geometry.weight), case.draw("g", Axis("channel", 3, "post"))
    pre = [a for a in geometry.weight if a.role == "pre"]
    z = b.sub(w, b.mean(w, pre))
    n = b.number(6)
    spread = b.div(b.sum(b.mul(z, z), pre), b.number(5))
    below = b.apply("sqrt", b.add(b.mul(n, spread), b.number(1e-4)))
    assert worst_error(case, b.div(b.mul(g, z), below), ["w", "g"]) < LIMIT


def test_a_spike_passes_its_slope_to_the_membrane_and_takes_it_from_the_threshold() -> None:
    case = Case()
    b = case.build
    v, theta = case.draw("v", SAMPLE, C), case.draw("theta", C)
    slope = case.draw("slope", SAMPLE, C, low=0.1)
    s = b.apply("spike", v, theta, slope, strict=True)
    loss = case.scalar_of(s)
    leaves = [case.leaves[k] for k in ("v", "theta", "slope")]
    by_v, by_theta, by_slope = adjoints(b, {loss: b.number(1)}, leaves)
    assert by_slope is None
    got = case.records(case.graph({"s": s, "v": by_v, "theta": by_theta}), batch=BATCH)
    along = case.values["weights"] * case.values["slope"]
    assert 0 < got["s"].mean() < 1
    np.testing.assert_allclose(got["v"], along, rtol=1e-14)
    np.testing.assert_allclose(got["theta"][0], -along[0].sum(0), rtol=1e-12)


def test_rounding_to_single_precision_lets_the_derivative_through() -> None:
    case = Case()
    x = case.draw("x", SAMPLE, C)
    loss = case.scalar_of(case.build.apply("float32", x))
    (bar,) = adjoints(case.build, {loss: case.build.number(1)}, [x])
    got = case.records(case.graph({"x": bar}), batch=BATCH)["x"]
    np.testing.assert_array_equal(got, case.values["weights"])


@pytest.mark.parametrize("op", sorted(NO_DERIVATIVE & (ELEMENTWISE - {"and", "or"})))
def test_what_has_no_derivative_has_no_adjoint(op: str) -> None:
    case = Case()
    x, y = case.draw("x", SAMPLE, C), case.draw("y", SAMPLE, C)
    unary_op = op in ("sign", "round", "floor", "stop", "not")
    loss = case.scalar_of(case.build.apply(op, *((x,) if unary_op else (x, y))))
    assert adjoints(case.build, {loss: case.build.number(1)}, [x]) == [None]


@pytest.mark.parametrize(("op", "first"), [("max", 1.0), ("min", 1.0)])
def test_a_tie_of_two_values_belongs_to_the_first(op: str, first: float) -> None:
    case = Case()
    x, y = case.draw("x", SAMPLE, C), case.draw("y", SAMPLE, C)
    case.values["y"] = case.values["x"].copy()
    loss = case.build.sum(case.build.apply(op, x, y), (SAMPLE, C))
    bars = adjoints(case.build, {loss: case.build.number(1)}, [x, y])
    got = case.records(case.graph(dict(zip("xy", bars, strict=True))), batch=BATCH)
    assert (got["x"] == first).all()
    assert (got["y"] == 0).all()


@pytest.mark.parametrize("picture", [[[0, 0], [0, 0]], [[0, 1], [1, 1]], [[0, 0], [1, 1]]])
def test_a_tie_in_a_pool_belongs_to_the_first_maximum_in_reading_order(
    picture: list[list[int]],
) -> None:
    case = Case()
    b = case.build
    axes = canonical((SAMPLE, Axis("channel", 1), Axis("height", 2), Axis("width", 2)))
    x = case.draw("x", *axes)
    case.values["x"] = np.broadcast_to(np.array(picture, float), (1, BATCH, 1, 2, 2))
    one = canonical((SAMPLE, Axis("channel", 1), Axis("height", 1), Axis("width", 1)))
    y = b.node("max_pool", (x,), one, window=(2, 2), stride=(2, 2))
    (bar,) = adjoints(b, {b.sum(y, one): b.number(1)}, [x])
    got = case.records(case.graph({"x": bar}), batch=BATCH)["x"]
    want = np.zeros(4)
    want[np.argmax(np.ravel(picture))] = 1
    np.testing.assert_array_equal(got[0, 0, 0].ravel(), want)


def test_two_pools_to_one_size_do_not_share_their_adjoints() -> None:
    """Pictures of different sizes averaged to the same size: each adjoint has its own picture's size."""
    case = Case()
    b = case.build
    to = canonical((SAMPLE, C, Axis("height", 2), Axis("width", 2)))
    x = case.draw("x", SAMPLE, C, Axis("height", 4), Axis("width", 4))
    y = case.draw("y", SAMPLE, C, Axis("height", 6), Axis("width", 6))
    whole = b.add(*(b.node("avg_pool_to", (z,), to, size=(2, 2)) for z in (x, y)))
    assert worst_error(case, whole, ["x", "y"]) < LIMIT


def test_feedback_weights_replace_the_weights_on_the_way_back_only() -> None:
    case, geometry = Case(), dense(4, 3)
    b = case.build
    w, x = case.draw("w", *geometry.weight), case.draw("x", SAMPLE, *geometry.pre)
    other = case.draw("other", *geometry.weight)
    y = b.project("project", w, x, [SAMPLE, *geometry.post], geometry)
    loss = case.scalar_of(y)
    by_w, by_x = adjoints(b, {loss: b.number(1)}, [w, x], backward=lambda node: other)
    got = case.records(case.graph({"w": by_w, "x": by_x}), batch=BATCH)
    bar = case.values["weights"][0]
    np.testing.assert_allclose(got["w"][0], bar.T @ case.values["x"][0], rtol=1e-12)
    np.testing.assert_allclose(got["x"][0], bar @ case.values["other"], rtol=1e-12)


def test_an_operator_without_an_adjoint_is_our_mistake_and_named() -> None:
    case = Case()
    x = case.draw("x", *PICTURE)
    small = canonical((SAMPLE, C, Axis("height", 2), Axis("width", 3)))
    bar = case.draw("bar", *small)
    back = case.build.node("max_pool_x", (x, bar), PICTURE, window=(2, 2), stride=(2, 2))
    loss = case.scalar_of(back)
    with pytest.raises(InternalError, match="max_pool_x"):
        adjoints(case.build, {loss: case.build.number(1)}, [bar])
