"""Numbers of a shape as a tuple: an array of them is one argument of one type, whatever the shape."""

from __future__ import annotations

from numba import njit


@njit(cache=True, error_model="numpy")
def three(numbers):
    """The first 3 numbers of an array as a tuple."""
    return (numbers[0], numbers[1], numbers[2])


@njit(cache=True, error_model="numpy")
def five(numbers):
    """The first 5 numbers of an array as a tuple."""
    return (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])


@njit(cache=True, error_model="numpy")
def seven(numbers):
    """The first 7 numbers of an array as a tuple."""
    return (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6])


@njit(cache=True, error_model="numpy")
def nine(numbers):
    """The first 9 numbers of an array as a tuple."""
    return (
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6],
        numbers[7],
        numbers[8],
    )


@njit(cache=True, error_model="numpy")
def thirteen(numbers):
    """The first 13 numbers of an array as a tuple."""
    return (
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6],
        numbers[7],
        numbers[8],
        numbers[9],
        numbers[10],
        numbers[11],
        numbers[12],
    )


@njit(cache=True, error_model="numpy")
def fifteen(numbers):
    """The first 15 numbers of an array as a tuple."""
    return (
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
        numbers[6],
        numbers[7],
        numbers[8],
        numbers[9],
        numbers[10],
        numbers[11],
        numbers[12],
        numbers[13],
        numbers[14],
    )
