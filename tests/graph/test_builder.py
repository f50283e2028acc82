"""Nodes find their axes, equal nodes are made once, and unequal ones never are."""

from __future__ import annotations

import pytest

from snc.graph.builder import Builder
from snc.graph.geometry import convolution, dense
from snc.graph.graph import PARTNER, SAMPLE, Axis, canonical, size

C, H, W = Axis("channel", 4), Axis("height", 3), Axis("width", 3)


def field(build: Builder, *axes: Axis, name: str = "x") -> str:
    return build.node("field", (), axes, name=name)


def test_equal_nodes_are_made_once() -> None:
    build = Builder()
    x = field(build, SAMPLE, C)
    assert build.add(x, build.number(1)) == build.add(x, build.number(1))
    assert len(build.nodes) == 3


def test_nodes_of_other_operands_attributes_or_axes_are_others() -> None:
    build = Builder()
    x, y = field(build, SAMPLE, C), field(build, SAMPLE, C, name="y")
    slope = build.number(1)
    made = [
        build.add(x, y), build.add(y, x), build.sub(x, y),
        build.apply("spike", x, y, slope, strict=True),
        build.apply("spike", x, y, slope, strict=False),
        build.expand(x, (SAMPLE, C, H)), build.expand(x, (SAMPLE, C, W)),
        build.number(1), build.number(2), field(build, SAMPLE, H),
    ]  # fmt: skip
    assert len(set(made)) == len(made)


def test_one_value_may_be_laid_out_in_two_ways() -> None:
    build = Builder()
    x = field(build, SAMPLE, Axis("channel", 12))
    wide = build.reshape(x, (Axis("channel", 2), Axis("height", 2), Axis("width", 3)))
    tall = build.reshape(x, (Axis("channel", 2), Axis("height", 3), Axis("width", 2)))
    assert build.axes(wide) != build.axes(tall)


def test_an_operation_has_the_axes_of_all_its_operands_in_canonical_order() -> None:
    build = Builder()
    made = build.add(field(build, W, C), field(build, C, SAMPLE))
    assert build.axes(made) == (SAMPLE, W, C) == canonical((C, W, SAMPLE))


def test_a_sum_ignores_axes_a_value_lacks() -> None:
    build = Builder()
    x = field(build, SAMPLE, C)
    assert build.sum(x, (H,)) == x
    assert build.axes(build.sum(x, (H, C))) == (SAMPLE,)
    assert build.nodes[build.sum(x, (H, C))].get("over") == (C,)


def test_fitting_sums_what_is_too_much_and_spreads_what_is_missing() -> None:
    build = Builder()
    x = field(build, SAMPLE, C)
    fitted = build.nodes[build.fit(x, (C, H))]
    assert fitted.op == "expand"
    assert set(fitted.axes) == {C, H}
    assert build.nodes[fitted.args[0]].op == "sum"
    assert build.fit(x, (SAMPLE, C)) == x


def test_a_mean_over_samples_divides_by_how_many_there_will_be() -> None:
    build = Builder()
    mean = build.nodes[build.mean(field(build, SAMPLE, C), (SAMPLE, C))]
    count = build.nodes[mean.args[1]]
    assert {build.nodes[a].op for a in count.args} == {"const", "scalar"}
    assert {build.value_of(a) for a in count.args} == {4.0, None}


def test_renaming_to_the_same_name_is_nothing() -> None:
    build = Builder()
    x = field(build, SAMPLE, C)
    assert build.rename(x, [(SAMPLE, SAMPLE), (PARTNER, SAMPLE)]) == x
    assert build.axes(build.rename(x, [(SAMPLE, PARTNER)])) == (PARTNER, C)
    assert build.axes(build.with_role(x, "post")) == (SAMPLE, Axis("channel", 4, "post"))


def test_a_dot_keeps_the_axes_it_does_not_sum() -> None:
    build = Builder()
    x = field(build, SAMPLE, C)
    scores = build.dot(x, build.rename(x, [(SAMPLE, PARTNER)]), (C,))
    assert build.axes(scores) == (SAMPLE, PARTNER)


def test_an_order_of_nodes_is_a_causal_order() -> None:
    build = Builder()
    x = field(build, SAMPLE, C)
    build.log_softmax(build.mul(x, build.previous("s", (SAMPLE, C))), C)
    seen: set[str] = set()
    for name, node in build.nodes.items():
        assert set(node.args) <= seen
        seen.add(name)


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups"),
    [((3, 3), 1, (1, 1), 1, 1), ((4, 2), 2, (1, 0), 1, 2), ((2, 2), 1, (0, 0), 2, 1)],
)
def test_a_convolution_and_its_transpose_undo_each_others_sizes(
    kernel: tuple[int, int], stride: int, padding: tuple[int, int], dilation: int, groups: int
) -> None:
    pre = (Axis("channel", 4), Axis("height", 8), Axis("width", 6))
    forth = convolution(pre, 6, kernel, stride, padding, dilation, groups)
    back = convolution(forth.post, 4, kernel, stride, padding, dilation, groups, transposed=True)
    assert size(forth.weight) == 6 * 4 // groups * kernel[0] * kernel[1]
    assert forth.fan_in == 4 // groups * kernel[0] * kernel[1]
    assert back.channels("post") == 4
    # what stride leaves over at the edge is not brought back
    for out, want in zip(back.extent("post"), (8, 6), strict=True):
        assert want - stride < out <= want


def test_a_kernel_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        convolution((C, H, W), 2, (5, 5))


def test_a_dense_weight_is_stored_by_input_and_filed_by_output() -> None:
    geometry = dense(5, 2)
    assert [a.role for a in geometry.weight] == ["pre", "post"]
    assert [a.role for a in geometry.file_order()] == ["post", "pre"]
    assert (geometry.fan_in, geometry.fan_out) == (5, 2)
