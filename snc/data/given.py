"""The arguments a step was given, as the values its word wants, with errors that have a place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from snc.diagnostics import DataError, did_you_mean, listing
from snc.model.plan import DataArgument, Duration, Share, Step
from snc.model.words import WORDS, Word
from snc.source import NOWHERE


def place_of(step: Step) -> str:
    """`file.snc:12` of a step; empty for a step that was not written anywhere."""
    return "" if step.span == NOWHERE else str(step.span)


def known_word(step: Step) -> Word:
    """The word of a step. Raises DataError unknown-word or unknown-argument."""
    word = WORDS.get(step.word)
    if word is None:
        raise DataError(
            "unknown-word",
            f"there is no data word `{step.word}`",
            place_of(step),
            did_you_mean(step.word, WORDS),
        )
    for name, _ in step.arguments:
        if word.argument(name) is None and not (name == "rest" and word.variadic):
            names = [a.name for a in word.arguments]
            raise DataError(
                "unknown-argument",
                f"`{step.word}` has no argument `{name}`",
                place_of(step),
                did_you_mean(name, names) or f"it has {listing(names) or 'none'}",
            )
    return word


@dataclass(frozen=True)
class Given:
    """A step and its word; every method raises DataError `wrong-argument` for a value of no use."""

    step: Step
    word: Word

    @classmethod
    def of(cls, step: Step) -> Given:
        """The arguments of a step. Raises DataError if one that is needed is missing."""
        given = cls(step, known_word(step))
        for argument in given.word.arguments:
            if argument.needed and step.get(argument.name) is None:
                raise given.error(
                    "missing-argument", f"`{step.word}` needs the argument `{argument.name}`"
                )
        return given

    def error(self, code: str, message: str, help: str = "") -> DataError:  # noqa: A002
        """An error at this step."""
        return DataError(code, message, place_of(self.step), help)

    def wrong(self, name: str, wanted: str) -> DataError:
        """`name` is not what the word wants."""
        return self.error("wrong-argument", f"`{name}` of `{self.step.word}` must be {wanted}")

    def get(self, name: str) -> DataArgument:
        """The value as given, or the default."""
        argument = self.word.argument(name)
        value = self.step.get(name)
        return argument.default if value is None and argument is not None else value

    def text(self, name: str) -> str:
        """A string."""
        value = self.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a text in quotes")
        return value

    def optional_text(self, name: str) -> str | None:
        """A string, or None if it was not given."""
        return None if self.get(name) is None else self.text(name)

    def choice(self, name: str) -> str:
        """One of the words that the argument takes."""
        argument = self.word.argument(name)
        options = argument.options if argument is not None else ()
        value = self.get(name)
        if value not in options:
            raise self.wrong(name, listing([f"`{o}`" for o in options], "or"))
        return str(value)

    def flag(self, name: str) -> bool:
        """True or false (which may arrive as 1 or 0)."""
        value = self.get(name)
        if value not in (0, 1):
            raise self.wrong(name, "true or false")
        return bool(value)

    def number(self, name: str) -> float:
        """A plain number."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(name, "a number")
        return float(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """One number or a list of them."""
        value = self.get(name)
        items = value if isinstance(value, tuple) else (value,)
        found = tuple(float(v) for v in items if isinstance(v, int | float))
        if len(found) != len(items) or not items:
            raise self.wrong(name, "a number or a list of numbers")
        return found

    def whole(self, name: str, least: int = 1) -> int:
        """A whole number of at least `least`."""
        value = self.number(name)
        if value != int(value) or value < least:
            raise self.wrong(name, f"a whole number, {least} or more")
        return int(value)

    def size(self, name: str) -> tuple[int, int]:
        """Height and width: `32` or `[45, 60]`."""
        found = self.numbers(name)
        if len(found) > 2 or any(v != int(v) or v < 1 for v in found):
            raise self.wrong(name, "a whole number or [height, width]")
        return int(found[0]), int(found[-1])

    def microseconds(self, name: str) -> float:
        """A time longer than 0, given in a unit of time; rounded to nanoseconds."""
        value = self.get(name)
        if not isinstance(value, Duration) or value.seconds is None:
            raise self.wrong(name, "a time such as `10 ms` (the length of a step is not known yet)")
        if not value.seconds > 0:
            raise self.wrong(name, "longer than 0")
        return round(value.seconds * 1e9) / 1e3

    def steps(self, name: str, dt: float | None) -> int:
        """A number of steps, given as such, as a plain number, or as a time that is whole steps."""
        value = self.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = Duration(steps=float(value))
        if not isinstance(value, Duration):
            raise self.wrong(name, "a number of steps or a time")
        count = value.in_steps(dt)
        if count is None:
            raise self.error(
                "no-step-length",
                f"`{name}` of `{self.step.word}` is a time, but the length of a step is not known",
                "give it in steps (`20 steps`), or set `dt` in the experiment",
            )
        if count < 0.5 or abs(count - round(count)) > 1e-6 * max(count, 1.0):
            raise self.wrong(name, f"a whole number of steps, not {count:.6g}")
        return round(count)

    def spec_folder(self) -> Path | None:
        """The folder of the spec this step is written in."""
        path = self.step.span.source.path
        return path.parent if path is not None else None

    def share(self, name: str) -> Share | int | None:
        """A percentage, a count, or None for what was left out; `all` is 100 %."""
        value = self.get(name)
        if value is None or isinstance(value, Share):
            if isinstance(value, Share) and not 0 <= value.fraction <= 1:
                raise self.wrong(name, "between 0 % and 100 %")
            return value
        if value == "all":
            return Share(1.0)
        return self.whole(name)
