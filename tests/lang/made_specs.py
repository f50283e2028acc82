"""Specs made by hypothesis: every declaration, every statement, comments anywhere, in a plain layout."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b1", "u", "rate", "α", "_x", "h_in", "total", "w2"])
NUMBERS = st.sampled_from(["0", "3", "0.5", "2e-4", "1.5e+3", "10 ms", "50 Hz", "80 %", "2 steps"])
TEXTS = st.sampled_from(['"one"', '"what # is no comment"', '""', '"(["'])
COMMENT = st.sampled_from(["", "", "", "  # why", "# tight", '   #   loose  ( [ " '])
LONG = ", ".join(f"argument_{n} = {n}" for n in range(9))


def expressions() -> st.SearchStrategy[str]:
    leaf = st.one_of(
        NAMES,
        NUMBERS,
        st.sampled_from(
            [
                "x[t-1]",
                "f()",
                "post.psi",
                "each [1, 2]",
                "each [a,]",
                "[1, a,]",
                "[2]",
                "[1, 2, 3]",
                "f(1,)",
                f"f({LONG})",
            ]
        ),
        TEXTS,
    )
    return st.recursive(leaf, _grown, max_leaves=8)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.sampled_from(["+", "-", "*", "/", "^", "and", "or", "<=", "!="])
    return st.one_of(
        st.builds(lambda a, o, b: f"({a}) {o} ({b})", inner, two, inner),
        st.builds(lambda a, b: f"({a}) | f(_, {b})", inner, inner).map(lambda t: f"({t})"),
        st.builds(lambda a, b: f"f({a}, k = {b})", inner, inner),
        st.builds(lambda a, b: f"f({a},\n    [{b}])", inner, inner),
        st.builds(lambda a: f"(-{a})", NAMES),
        st.builds(lambda a: f"(not ({a}))", inner),
    )


def _one(*templates: str) -> st.SearchStrategy[str]:
    """A template with its letters filled in: N a name, E an expression, T a text."""
    parts = {"N": NAMES, "E": expressions(), "T": TEXTS}

    def filled(template: str) -> st.SearchStrategy[str]:
        letters = [c for c in template if c in parts]
        pieces = "".join("\0" if c in parts else c for c in template).split("\0")
        return st.tuples(*(parts[c] for c in letters)).map(
            lambda values: (
                pieces[0] + "".join(v + p for v, p in zip(values, pieces[1:], strict=True))
            )
        )

    return st.sampled_from(templates).flatmap(filled)


PLAIN = _one(
    "N = E", "N.N = E", "init N = E", "init N = kept", "constant N = E", "constant N[E, 3] = E",
    "parameter N[post]", "parameter N", "random N[E] = E every step", "input N[2, 3, E]", "label N[E]",
    "output E", "gradient N = E", "gradient N.N = E", "next N = E", "cite T",
)  # fmt: skip
OF_EXPERIMENTS = _one(
    "learn N by N(E) from N(E) at N during last 3 steps update every 2 sequences using N(E)", "learn * by N()",
    "learn N, N.N, N* by N", "learn b1..b8\n        by N(E)\n        from N(E)", "freeze N, *_N, N*",
    "learn N by N\n        update every N", "metric N = E",
    'expect N(N = E) = -78.2 +- 1.8 % T', "expect N = 3 T", "expect N(1) = 8 %", "record N, N.N, N", "for N in [1, E]",
    "learn.N*.by.N = E", "learn.N.during = always", "N.during = when E", "N.update = every step",
    "train:\n        N = E\n        N = after 3 ms", "phase N:\n        N = E\n        report:\n            N = E",
)  # fmt: skip
KINDS = ("neuron", "block", "rule", "signal", "network", "dataset")


@st.composite
def made_specs(draw: st.DrawFn) -> str:
    """A file that parses; what it says need not make sense."""
    lines = ["snc 1" + draw(COMMENT)]
    lines += draw(st.lists(_one("use N: N", "use N.N: N, N"), max_size=2))
    for _ in range(draw(st.integers(1, 3))):
        lines += _blank(draw)
        lines += _declaration(draw)
    return "\n".join(lines) + draw(st.sampled_from(["\n", "\n\n# the end\n", ""]))


def _blank(draw: st.DrawFn) -> list[str]:
    return draw(st.sampled_from([[], [""], ["", "# above", ""], ["# close"]]))


def _declaration(draw: st.DrawFn) -> list[str]:
    kind = draw(st.sampled_from(["function", *["experiment"] * 4, "derived", "derived", *KINDS]))
    name = draw(NAMES)
    brackets = draw(_one("(N = E)", "(N, N = E,)", "(N, N, N)", "()"))
    if kind == "function":
        doc = draw(st.sampled_from(["", "   "])) and "   " + draw(TEXTS)
        return [f"function {name}{brackets} = {draw(expressions())}{doc}"]
    if kind == "derived":
        head = (
            f"experiment {name}{draw(st.sampled_from(['', brackets]))} = {draw(_one('N', 'N(E)'))}"
        )
        if draw(st.booleans()):
            return [head]
        return [
            f"{head} with:{draw(COMMENT)}",
            *_body(draw, st.one_of(OF_EXPERIMENTS, OF_EXPERIMENTS, PLAIN)),
        ]
    head = f"{kind} {name}{draw(st.sampled_from(['', brackets]))}"
    statements = st.one_of(OF_EXPERIMENTS, OF_EXPERIMENTS, PLAIN) if kind == "experiment" else PLAIN
    return [f"{head}:{draw(COMMENT)}", *_body(draw, statements)]


def _body(draw: st.DrawFn, statements: st.SearchStrategy[str]) -> list[str]:
    found = [f"    {draw(TEXTS)}"] if draw(st.booleans()) else []
    for statement in draw(st.lists(statements, min_size=1, max_size=7)):
        last = "" if "\n" in statement else draw(COMMENT)
        found += [
            f"    {statement}{last}",
            *draw(st.sampled_from([[], [], [""], ["    # between"]])),
        ]
    return found
