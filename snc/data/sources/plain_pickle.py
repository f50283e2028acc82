"""Reads the few pickles that are nothing but data, without ever running what a file names.

A pickle is a program for a stack machine. Here only the instructions are known that build numbers,
texts, lists, tuples and dictionaries, and one thing beyond: the array of bytes as NumPy writes it.
Whatever else a file asks for (another class, a call, an instruction of a newer format) is refused,
so a hostile file can do no more than an ill-formed one. Instructions are taken apart by the standard
library's `pickletools`, which runs nothing.
"""

from __future__ import annotations

import pickletools
from typing import Any

import numpy as np

ARRAY, TYPE, ENCODE = "array", "dtype", "encode"
KNOWN = {
    "numpy.core.multiarray _reconstruct": ARRAY,
    "numpy._core.multiarray _reconstruct": ARRAY,
    "numpy ndarray": ARRAY,
    "numpy dtype": TYPE,
    "_codecs encode": ENCODE,  # bytes, as Python 3 writes them in the formats of Python 2
}
VALUES = frozenset(
    [
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    ]
)
CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
MARK = object()


class PickleRefused(Exception):  # noqa: N818 (a refusal, which the source turns into a diagnostic)
    """The file is no such pickle; the text says why."""


class Named:
    """A name that the file may use: it stands for itself and is never called."""

    def __init__(self, kind: str) -> None:
        self.kind = kind


class ByteArray:
    """An array whose state comes later in the file."""

    def __init__(self) -> None:
        self.values: np.ndarray[Any, Any] | None = None


def read_pickle(data: bytes) -> Any:
    """The value in a pickle: texts of Python 2 as bytes, arrays of bytes as uint8. Raises PickleRefused."""
    machine = Machine()
    try:
        for instruction, argument, _ in pickletools.genops(data):
            if instruction.name == "STOP":
                return _plain(machine.stack[-1])
            machine.do(instruction.name, argument)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, UnicodeError) as reason:
        raise PickleRefused(f"it is damaged ({reason})") from None
    raise PickleRefused("it is cut short")


class Machine:
    """The stack and the memory of a pickle."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def do(self, name: str, argument: Any) -> None:
        """One instruction. Raises PickleRefused for one that does more than build data."""
        if name in VALUES:
            text_of_python_2 = "STRING" in name and isinstance(argument, str)
            self.stack.append(argument.encode("latin-1") if text_of_python_2 else argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memory[int(argument)] = self.stack[-1]
        elif name == "MEMOIZE":
            self.memory[len(self.memory)] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memory[int(argument)])
        elif name == "GLOBAL":
            self.stack.append(_named(str(argument)))
        elif name in ("MARK", "PROTO", "FRAME"):
            self.stack += [MARK] if name == "MARK" else []
        else:
            self._build(name)

    def _build(self, name: str) -> None:
        """What is made of values on the stack."""
        stack = self.stack
        match name:
            case "EMPTY_LIST" | "EMPTY_TUPLE" | "EMPTY_DICT":
                stack.append({"EMPTY_LIST": [], "EMPTY_TUPLE": (), "EMPTY_DICT": {}}[name])
            case "LIST" | "TUPLE":
                items = self._marked()
                stack.append(items if name == "LIST" else tuple(items))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = int(name[-1])
                stack[-count:] = [tuple(stack[-count:])]
            case "DICT":
                stack.append(_pairs(self._marked()))
            case "APPEND" | "APPENDS":
                items = [stack.pop()] if name == "APPEND" else self._marked()
                _as(list, stack[-1]).extend(items)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _as(dict, stack[-1])[key] = value
            case "SETITEMS":
                items = self._marked()
                _as(dict, stack[-1]).update(_pairs(items))
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_made(function, arguments))
            case "BUILD":
                state = stack.pop()
                _fill(stack[-1], state)
            case _:
                raise PickleRefused(f"it holds more than plain data ({name})")

    def _marked(self) -> list[Any]:
        """Takes everything above the last mark, and the mark."""
        at = max(k for k, value in enumerate(self.stack) if value is MARK)
        items = self.stack[at + 1 :]
        del self.stack[at:]
        return items


def _as(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"not a {kind.__name__}")
    return value


def _pairs(items: list[Any]) -> dict[Any, Any]:
    return dict(zip(items[::2], items[1::2], strict=True))


def _named(argument: str) -> Named:
    if argument not in KNOWN:
        raise PickleRefused(f"it asks for `{argument.replace(' ', '.')}`, which is no plain data")
    return Named(KNOWN[argument])


def _made(function: Any, arguments: Any) -> Any:
    """What a name that the file may use makes of its arguments."""
    kind = function.kind if isinstance(function, Named) else ""
    if kind == ENCODE and isinstance(arguments[0], str):
        return arguments[0].encode("latin-1")
    if kind == TYPE:
        code = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
        if code not in ("u1", "|u1"):
            raise PickleRefused(f"it holds an array of `{code}`, not of bytes")
        return Named(TYPE)
    if kind == ARRAY:
        return ByteArray()
    raise PickleRefused("it calls what is no plain data")


def _fill(value: Any, state: Any) -> None:
    """Gives an array its content: version, shape, type, whether columns come first, bytes."""
    if isinstance(value, Named):
        return  # the details of a type, which is always that of bytes
    if not isinstance(value, ByteArray):
        raise PickleRefused("it changes what is no plain data")
    _, shape, _, columns_first, content = state
    flat = np.frombuffer(_as(bytes, content), np.uint8)
    value.values = flat.reshape(shape, order="F" if columns_first else "C")


def _plain(value: Any) -> Any:
    """The value with its arrays in place of what stands for them; two levels are enough here."""
    if isinstance(value, dict):
        return {k: v.values if isinstance(v, ByteArray) else v for k, v in value.items()}
    return value.values if isinstance(value, ByteArray) else value
