"""What emitted code does with addresses, compiled: reading tables, arrays without an owner, calls."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

WORD = ir.IntType(64)
SIGNATURE = types.void(types.int64, types.int64, types.int64, types.int64)


def address(function: Any) -> int:
    """Where the machine code of a task begins; it is compiled, or read from the cache, if need be."""
    function.compile(SIGNATURE)
    made = function.overloads[SIGNATURE.args]
    found: int = made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name)
    return found


def _word(builder: Any, table: Any, place: Any) -> Any:
    """The number at a place of a table."""
    start = builder.inttoptr(table, WORD.as_pointer())
    return builder.load(builder.gep(start, [place]))


@intrinsic
def number(typingctx, table, place):
    """The number at a place of a table."""

    def code(context, builder, signature, given):
        return _word(builder, *given)

    return types.int64(types.int64, types.int64), code


@intrinsic
def real(typingctx, table, place):
    """The double precision number at a place of a table."""

    def code(context, builder, signature, given):
        return builder.bitcast(_word(builder, *given), ir.DoubleType())

    return types.float64(types.int64, types.int64), code


def _array(context, builder, found, table, place, shape, kinds, first):
    """An array without an owner, from a row of what stands at an address on."""
    made = context.make_array(found)(context, builder)
    parts = cgutils.unpack_tuple(builder, shape, len(kinds))
    sizes = [context.cast(builder, p, k, types.intp) for p, k in zip(parts, kinds, strict=True)]
    item = context.get_constant(
        types.intp, context.get_abi_sizeof(context.get_data_type(found.dtype))
    )
    strides = [item]
    for size in sizes[:0:-1]:
        strides.insert(0, builder.mul(strides[0], size))
    start = _word(builder, table, place)
    if first is not None:
        start = builder.add(start, builder.mul(first, strides[0]))
    data = builder.inttoptr(start, made.data.type)
    populate_array(made, data, sizes, strides, item, None)
    return made._getvalue()


@intrinsic
def array(typingctx, table, place, kind, shape):
    """The array of a kind and shape whose address is at a place of a table; it belongs to the caller."""
    found = types.Array(kind.dtype, len(shape), "C")

    def code(context, builder, signature, given):
        table, place, _, sizes = given
        kinds = list(signature.args[3])
        return _array(context, builder, found, table, place, sizes, kinds, None)

    return found(types.int64, types.int64, kind, shape), code


@intrinsic
def rows_from(typingctx, table, place, kind, shape, first):
    """As `array`, from a row on."""
    found = types.Array(kind.dtype, len(shape), "C")

    def code(context, builder, signature, given):
        table, place, _, sizes, row = given
        kinds = list(signature.args[3])
        return _array(context, builder, found, table, place, sizes, kinds, row)

    return found(types.int64, types.int64, kind, shape, types.int64), code


@intrinsic
def run(typingctx, function, index, first, last, table):
    """Call a task by its address."""

    def code(context, builder, signature, given):
        kind = ir.FunctionType(ir.VoidType(), [WORD] * 4)
        builder.call(builder.inttoptr(given[0], kind.as_pointer()), given[1:])
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), code


@intrinsic
def power_of_two(typingctx, exponent):
    """2^n as a double precision number, for n from -1022 to 1023."""

    def code(context, builder, signature, given):
        bits = builder.shl(builder.add(given[0], WORD(1023)), WORD(52))
        return builder.bitcast(bits, ir.DoubleType())

    return types.float64(types.int64), code
