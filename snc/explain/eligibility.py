"""What a rule multiplies its signal with: sums of (value at post) x (value at pre), in the spec's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from snc.explain.cone import Cone
from snc.explain.marks import NAME, SINK, VALUE, View
from snc.explain.memory import followed_state
from snc.graph.builder import Builder
from snc.graph.graph import Graph, Node
from snc.passes.factorise import Factoriser, Opaque, Term, side_of
from snc.passes.rebuild import copy_node

INFIX = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "div": "/",
    "gt": ">",
    "ge": ">=",
    "lt": "<",
    "le": "<=",
}
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}
THROUGH = ("rename", "expand", "reshape", "stop")


@dataclass(frozen=True)
class Eligibility:
    """`text` is the sum of products; empty if there is none, and then `reason` says why.

    `signal` says that the signal is a factor of the whole sum, and left out of the text.
    """

    text: str
    products: int
    reason: str = ""
    signal: bool = False


def eligibility(cone: Cone) -> Eligibility:
    """The product form of a rule's synapse values, the signal taken out."""
    view = cone.marked.written
    found = [n for n in _cone_of(view, cone.number) if n.op == "uses"]
    if not found:
        how = "through time" if any(n.op == "later" for n in cone.nodes) else "within the step"
        return Eligibility("", 0, f"the update is a derivative {how}")
    names = _names(cone, view)
    build, table = Builder(), dict[str, str]()
    work = Factoriser(view.graph, build, table)
    for node in view.graph.nodes:
        table[node.name] = copy_node(build, node, [table[a] for a in node.args])
    try:
        terms = [t for n in found for t in work.terms(view.graph.by_name[n.args[0]])]
    except Opaque:
        whole = view.graph.by_name[found[0].args[0]]
        text = Speller(view.graph.by_name, names, {}).whole(whole.name)
        return Eligibility("", 0, f"no product form: {text}")
    delayed = {s.name: s.value for s in work.delayed.values()}
    made = {table[node]: name for node, name in names.items()}
    return _spelled(Speller(build.nodes, made, delayed), terms)


def _cone_of(view: View, number: int) -> list[Node]:
    stack = [n for m, n in view.marks(SINK) if m[1] == str(number)]
    seen: set[str] = set()
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack += view.graph.by_name[name].args
    return [n for n in view.graph.nodes if n.name in seen]


def _names(cone: Cone, view: View) -> dict[str, str]:
    """Names for values of one side; synapse values are expanded unless they are states."""
    names: dict[str, str] = {}
    own = {m[2]: n for m, n in view.marks(NAME) if m[1] == str(cone.number)}
    for name, node in own.items():
        made = view.graph.by_name[node]
        if made.op != "const" and side_of(made) != "synapse":
            names.setdefault(node, name)
            if (
                made.op == "rename"
            ):  # what is called post or pre here has the same name without that
                names.setdefault(made.args[0], name)
    short = {**_of_population(cone, view), **{v: k for k, v in own.items()}}
    for leaf in view.graph.nodes:
        if leaf.op == "previous":
            names.setdefault(leaf.name, f"{_state_name(cone, view.graph, leaf, short)}[t-1]")
    return names


def _of_population(cone: Cone, view: View) -> dict[str, str]:
    """The values of the neuron a rule drives, by the names the rule has for them."""
    population = cone.rule.population
    uid = population.frame.uid if population is not None and population.frame else None
    return {n: f"post.{m[2]}" for m, n in view.marks(VALUE) if m[1] == uid}


def _state_name(cone: Cone, graph: Graph, node: Node, own: Mapping[str, str]) -> str:
    state = graph.state[node.get("state")]
    instance, _, name = state.name.partition(":")
    if followed := followed_state(state.name):
        return f"influence({_named_state(cone, *followed) or '.'.join(followed).strip('.')})"
    if instance == cone.rule.frame.uid and name:
        return name
    if state.value in own:
        return own[state.value]
    return _named_state(cone, instance, name) or graph.by_name[state.value].note or name or instance


def _named_state(cone: Cone, instance: str, name: str) -> str | None:
    """What a rule calls a state of the neuron it drives."""
    population = cone.rule.population
    if name and population is not None and population.frame and population.frame.uid == instance:
        return f"post.{name}" if instance else name
    return None


@dataclass(frozen=True)
class Speller:
    """Nodes as text. `delayed` are states the expansion made: what each is the previous value of."""

    nodes: Mapping[str, Node]
    names: Mapping[str, str]
    delayed: Mapping[str, str]

    def factors(self, name: str) -> tuple[float, list[str]]:
        """A value as a number times factors."""
        node = self.nodes[name]
        if name in self.names:
            return 1.0, [self.names[name]]
        match node.op:
            case "const":
                return float(node.get("value")), []
            case "mul":
                a, b = (self.factors(x) for x in node.args)
                return a[0] * b[0], a[1] + b[1]
            case "neg":
                number, rest = self.factors(node.args[0])
                return -number, rest
            case op if op in THROUGH:
                return self.factors(node.args[0])
            case "previous" if node.get("state") in self.delayed:
                number, rest = self.factors(self.delayed[node.get("state")])
                return number, [f"{_bracket(r)}[t-1]" for r in rest]
        text = self.whole(name)
        return 1.0, [f"({text})" if node.op in INFIX else text]

    def whole(self, name: str, strength: int = 0) -> str:
        """A value as an expression."""
        node = self.nodes[name]
        if name in self.names:
            return self.names[name]
        if node.op == "const":
            return f"{node.get('value'):.6g}"
        if node.op in THROUGH:
            return self.whole(node.args[0], strength)
        if node.op in INFIX:
            sign = INFIX[node.op]
            mine = STRENGTH.get(sign, 0)
            right = mine + (sign in "-/")
            text = f"{self.whole(node.args[0], mine)} {sign} {self.whole(node.args[1], right)}"
            return f"({text})" if mine < strength else text
        if node.op == "scalar":  # a number of the run: `batch` samples, `step`, ...
            return str(node.get("name"))
        if node.note and not node.args:
            return node.note
        inner = ", ".join(self.whole(a) for a in node.args)
        return f"-{inner}" if node.op == "neg" else f"{node.op}({inner})"


def _bracket(text: str) -> str:
    return text if text.replace(".", "").replace("_", "").isalnum() else f"({text})"


def _spelled(speller: Speller, terms: Iterable[Term]) -> Eligibility:
    """Terms as text: equal ones added up, a signal that is in all of them left out."""
    sums: dict[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], float] = {}
    for term in terms:
        parts = [speller.factors(x) if x else (1.0, []) for x in (term.post, term.pre, term.weight)]
        number = parts[0][0] * parts[1][0] * parts[2][0]
        key = tuple(parts[0][1]), tuple(parts[1][1]), tuple(parts[2][1])
        sums[key] = sums.get(key, 0.0) + number
    left = {key: number for key, number in sums.items() if number}
    common = bool(left) and all("signal" in post for post, _, _ in left)
    lines = []
    for (post, pre, weight), number in left.items():
        shown = [p for p in post if p != "signal"] if common else list(post)
        lines.append((number, _term(number, shown, list(pre), list(weight))))
    text = "".join(_sign(number, k == 0) + line for k, (number, line) in enumerate(lines))
    return Eligibility(text or "0", len(left), signal=common)


def _term(number: float, post: list[str], pre: list[str], weight: list[str]) -> str:
    scale = [f"{abs(number):.6g}"] if abs(number) != 1 else []
    sides = [" * ".join(side) for side in (scale + post, pre) if side]
    text = " x ".join(sides) or "1"
    return f"{text} . {' * '.join(weight)}" if weight else text


def _sign(number: float, first: bool) -> str:
    if first:
        return "-" if number < 0 else ""
    return "  -  " if number < 0 else "  +  "
