"""How arguments are bound to the parameters of builtins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from snc.build import mistakes
from snc.build.context import Context
from snc.build.values import Hole, Lst, Num, Object, Val, Word
from snc.lang import ast
from snc.model.signatures import OPTION_WORDS, OPTIONS, SIGNATURES, Slot
from snc.source import Span

CHOSEN = frozenset(OPTIONS) - {"over"}
"""Options that take one bare word; what may follow `over` depends on the value."""


def option_words(name: str, value: ast.Expr) -> Object | None:
    """A bare word, or a list of them, where the parameter `name` expects option words."""
    if name == "quantity" and isinstance(value, ast.Name | ast.Member):
        return Word(value.span.text)  # `test.loss`: a part of the data and what is reported on it
    words = OPTIONS.get(name)
    if words is None:
        return None
    if isinstance(value, ast.Name) and value.text in words:
        return Word(value.text)
    if isinstance(value, ast.ListOf) and value.items:
        items = [option_words(name, i) for i in value.items]
        if all(i is not None for i in items):
            return Lst(tuple(i for i in items if i is not None))
    return None


@dataclass
class Arguments:
    """The arguments of one call of a builtin, by name, with the places they were written at."""

    ctx: Context
    what: str
    span: Span
    values: dict[str, Object] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    rest: list[tuple[Object, Span]] = field(default_factory=list)

    @classmethod
    def bind(
        cls,
        ctx: Context,
        what: str,
        slots: tuple[Slot, ...],
        fixed: dict[str, Object],
        given: Iterable[tuple[str | None, Object, Span]],
        span: Span,
    ) -> Arguments:
        """Arguments by position into what is free, then by name."""
        made = cls(ctx, what, span, dict(fixed), dict.fromkeys(fixed, span))
        names = [s.name for s in slots]
        free = [n for n in names if n not in fixed]
        for position, (name, value, where) in enumerate(given):
            if slots and slots[0].rest:
                made.rest.append((value, where))
                continue
            if name is None:
                if position >= len(free):
                    ctx.fail(mistakes.too_many_arguments(where, what, names))
                name = free[position]
            elif name not in names:
                ctx.fail(mistakes.unknown_argument(where, what, name, names))
            elif name in made.values and name not in fixed:
                ctx.fail(mistakes.argument_twice(where, what, name))
            made.values[name], made.spans[name] = value, where
        waiting = any(isinstance(v, Hole) for v in made.values.values())
        for slot in slots:
            if slot.needed and not slot.rest and slot.name not in made.values and not waiting:
                ctx.fail(mistakes.missing_argument(span, what, slot.name))
        for name in CHOSEN & made.values.keys():
            made.choice(name)
        return made

    def place(self, name: str) -> Span:
        """Where an argument was written."""
        return self.spans.get(name, self.span)

    def get(self, name: str) -> Object | None:
        """An argument, or None."""
        value = self.values.get(name)
        return None if value is None else self.ctx.pick(value)

    def val(self, name: str) -> Val:
        """An argument as a node."""
        return self.ctx.val(self.values[name], self.place(name))

    def number(self, name: str, default: float | None = None) -> float:
        """An argument as a number known now."""
        if name not in self.values and default is not None:
            return default
        return self.ctx.constant(self.values[name], self.place(name), f"`{name}` of `{self.what}`")

    def whole(self, name: str, default: int | None = None, least: int = 1) -> int:
        """An argument as a whole number known now."""
        if name not in self.values and default is not None:
            return default
        what = f"`{name}` of `{self.what}`"
        return self.ctx.whole(self.values[name], self.place(name), what, least)

    def flag(self, name: str, default: bool = False) -> bool:
        """An argument that is true or false."""
        return bool(self.number(name)) if name in self.values else default

    def words(self, name: str) -> tuple[str, ...] | None:
        """Option words, or None if not given."""
        value = self.get(name)
        if value is None:
            return None
        items = value.items if isinstance(value, Lst) else (value,)
        texts = [i.text for i in items if isinstance(i, Word)]
        if len(texts) != len(items):
            known = ", ".join(sorted(OPTIONS.get(name, ())))
            self.ctx.fail(
                mistakes.simple(
                    "unknown-option", f"`{name}` takes option words: {known}", self.place(name)
                )
            )
        return tuple(texts)

    def choice(self, name: str) -> None:
        """Refuse a bare word, or anything in place of one, that the option does not know."""
        value, known = self.values[name], OPTIONS[name]
        other = name == "padding" and not isinstance(value, Word)  # numbers do as well
        if isinstance(value, Hole) or other or (isinstance(value, Word) and value.text in known):
            return
        words = " or ".join(f"`{w}`" for w in sorted(known))
        numbers = ", or whole numbers" if name == "padding" else ""
        text = f"`{name}` is {words}{numbers}"
        self.ctx.fail(mistakes.simple("unknown-option", text, self.place(name)))

    def pair(self, name: str, least: int = 1) -> tuple[int, int]:
        """One whole number for height and width, or a list of two."""
        value = self.get(name)
        if isinstance(value, Lst):
            what = f"`{name}` of `{self.what}`"
            sizes = [self.ctx.whole(v, self.place(name), what, least) for v in value.items]
            if len(sizes) == 2:
                return sizes[0], sizes[1]
            self.ctx.fail(
                mistakes.simple("bad-shape", f"`{name}` takes one number or two", self.place(name))
            )
        both = self.whole(name, least=least)
        return both, both


def plain(value: Object | None) -> float | None:
    """The number of a Num."""
    return value.value if isinstance(value, Num) else None


__all__ = ["OPTIONS", "OPTION_WORDS", "SIGNATURES", "Arguments", "Slot", "option_words", "plain"]
