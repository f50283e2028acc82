"""Hand-written kernels that emitted code calls: products of projections, pools, random streams.

Values are channels last and flat per sample; weights are [pre, post] or [kh, kw, pre, post], so that an
event adds a contiguous row. Every reduction has a fixed order: results do not depend on threads. Sums may
be reassociated by the compiler inside one row (SEMANTICS 10.1), never across owners.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from snc_cpu.tasks import array, number, rows_from

PRODUCT = {"reassoc", "contract", "nsz", "arcp"}
BLOCK = 3  # the place of the number of rows of a block in a product's table
TILE = (
    256  # rows that a weight product lists at a time: 450 floats of each fit the second-level cache
)


@njit(cache=True)
def two(numbers):
    """The first 2 numbers of an array as a tuple."""
    return (numbers[0], numbers[1])


@njit(cache=True)
def three(numbers):
    """The first 3 numbers of an array as a tuple."""
    return (numbers[0], numbers[1], numbers[2])


@njit(cache=True)
def five(numbers):
    """The first 5 numbers of an array as a tuple."""
    return (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])


@njit(cache=True)
def seven(numbers):
    """The first 7 numbers of an array as a tuple."""
    return (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6])


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
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


@njit(cache=True)
def copy_row(to, source):
    """to = source, one dimension. Array assignment by `[:]` would cost seconds of compilation."""
    for i in range(to.size):
        to[i] = source[i]


@njit(cache=True)
def copy_rows(to, source):
    """to = source, two dimensions."""
    for b in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[b, i] = source[b, i]


@njit(cache=True)
def fill_row(to, value):
    """to = a number, one dimension."""
    for i in range(to.size):
        to[i] = value


@njit(cache=True)
def fill_rows(to, value):
    """to = a number, two dimensions."""
    for b in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[b, i] = value


@njit(cache=True)
def spread_rows(to, source):
    """Every row of `to` is `source`."""
    for b in range(to.shape[0]):
        for i in range(to.shape[1]):
            to[b, i] = source[i]


@njit(cache=True)
def events(x, at, of):
    """The places where x is not 0, in order, and what stands there; how many there are."""
    count = 0
    for i in range(x.size):
        value = x[i]
        at[count] = i
        of[count] = value
        count += value != 0
    return count


# A call, not a copy of the text: inlined into a caller, the compiler no longer sees that rows do not overlap.
@njit(cache=True, fastmath=PRODUCT, inline="never")
def add_rows(rows, at, count, out):
    """out += the listed rows, eight in a sweep, so that `out` is loaded and stored once for eight."""
    n, e = out.size, 0
    while e + 8 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        f, g, h, i = rows[at[e + 4]], rows[at[e + 5]], rows[at[e + 6]], rows[at[e + 7]]
        for j in range(n):
            out[j] += ((a[j] + b[j]) + (c[j] + d[j])) + ((f[j] + g[j]) + (h[j] + i[j]))
        e += 8
    if e + 4 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        for j in range(n):
            out[j] += (a[j] + b[j]) + (c[j] + d[j])
        e += 4
    while e < count:
        a = rows[at[e]]
        for j in range(n):
            out[j] += a[j]
        e += 1


@njit(cache=True, fastmath=PRODUCT, inline="never")
def add_scaled_rows(rows, at, of, count, out):
    """out += the listed rows times their numbers, eight in a sweep."""
    n, e = out.size, 0
    while e + 8 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        f, g, h, i = rows[at[e + 4]], rows[at[e + 5]], rows[at[e + 6]], rows[at[e + 7]]
        p, q, r, s = of[e], of[e + 1], of[e + 2], of[e + 3]
        t, u, v, w = of[e + 4], of[e + 5], of[e + 6], of[e + 7]
        for j in range(n):
            out[j] += ((p * a[j] + q * b[j]) + (r * c[j] + s * d[j])) + (
                (t * f[j] + u * g[j]) + (v * h[j] + w * i[j])
            )
        e += 8
    if e + 4 <= count:
        a, b, c, d = rows[at[e]], rows[at[e + 1]], rows[at[e + 2]], rows[at[e + 3]]
        p, q, r, s = of[e], of[e + 1], of[e + 2], of[e + 3]
        for j in range(n):
            out[j] += (p * a[j] + q * b[j]) + (r * c[j] + s * d[j])
        e += 4
    while e < count:
        a, p = rows[at[e]], of[e]
        for j in range(n):
            out[j] += p * a[j]
        e += 1


@njit(cache=True)
def all_ones(of, count):
    """Whether all listed numbers are 1: spikes are, counts and traces are not."""
    for e in range(count):
        if of[e] != 1:
            return False
    return True


@njit(cache=True)
def gather(w, at, of, count, out):
    """out[j] = the sum over the listed i of of[i] w[i, j]; w is flat, a row for each i."""
    fill_row(out, 0)
    rows = w.reshape((-1, out.size))
    if all_ones(of, count):
        add_rows(rows, at, count, out)
    else:
        add_scaled_rows(rows, at, of, count, out)


@njit(cache=True)
def transpose(w, out, rows, columns):
    """out[k, j, i] = w[k, i, j], both flat: a matrix, or one for each weight of a kernel."""
    for first in range(0, w.size, rows * columns):
        for i in range(rows):
            for j in range(columns):
                out[first + j * rows + i] = w[first + i * columns + j]


@njit(cache=True)
def silent(row):
    """Whether a row is 0 everywhere."""
    for j in range(row.size):
        if row[j] != 0:
            return False
    return True


@njit(cache=True)
def factors(table, t0, t1, total, signal, seen):
    """The arrays of a weight product, of the kinds given; the table is that of snc_cpu.products."""
    batch, steps, none = number(table, 0), t1 - t0, np.int64(0)
    first_a = t0 if number(table, 1) else none
    first_z = t0 if number(table, 2) else none
    acc = array(table, 7, total, (number(table, 4),))
    a = rows_from(table, 8, signal, (steps, batch, number(table, 5)), first_a)
    z = rows_from(table, 9, seen, (steps, batch, number(table, 6)), first_z)
    opened, shape = array(table, 10, np.uint8, (steps,)), array(table, 11, np.int64, (13,))
    return acc, a, z, opened, shape


@njit(cache=True)
def dense_w(acc, a, z, opened, shape, low, high):
    """acc[i] += sum over open steps and samples of z[i] a, for the presynaptic neurons from low to high.

    TILE rows of a at a time are listed by neuron and stay in the cache while all neurons add theirs.
    """
    steps, batch = a.shape[0], a.shape[1]
    whole = acc.reshape((shape[0], shape[1]))
    mine = high - low
    room = TILE + batch
    at = np.empty((mine, room), np.uint32)
    of = np.empty((mine, room), a.dtype)
    count = np.zeros(mine, np.int64)
    here, what = np.empty(mine + 1, np.uint32), np.empty(mine + 1, z.dtype)
    rows = a.reshape((-1, a.shape[2]))
    held = 0
    for k in range(steps):
        if opened[k]:
            for b in range(batch):
                if silent(a[k, b]):
                    continue
                held += 1
                for e in range(events(z[k, b, low:high], here, what)):
                    i = here[e]
                    c = count[i]
                    at[i, c] = k * batch + b
                    of[i, c] = what[e]
                    count[i] = c + 1
        if held >= TILE or k == steps - 1:
            for i in range(mine):
                if all_ones(of[i], count[i]):
                    add_rows(rows, at[i], count[i], whole[low + i])
                else:
                    add_scaled_rows(rows, at[i], of[i], count[i], whole[low + i])
                count[i] = 0
            held = 0


@njit(cache=True)
def dense_part(owner, t0, t1, table, *kinds):
    """The weight product of a dense projection over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[0])
    dense_w(acc, a, z, opened, shape, low, high)


@njit(cache=True)
def dense_product(acc, a, z, shape):
    """The weight product of a dense projection over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    dense_w(acc, a, z, opened, shape, 0, shape[0])


@njit(cache=True)
def pixel_events(x, at, count, channels):
    """The channels that are not 0 at every pixel, in order; a count is negative if they are not all 1."""
    for p in range(count.size):
        found, ones = np.int64(0), True
        for i in range(channels):
            value = x[p * channels + i]
            at[p, found] = i
            found += value != 0
            ones &= (value == 0) | (value == 1)
        count[p] = found if ones else -found


@njit(cache=True)
def add_pixel(matrix, x, p, at, of, count, out):
    """out += the rows of a matrix for the channels listed at a pixel."""
    if count > 0:
        add_rows(matrix, at, count, out)
    elif count < 0:
        first = p * matrix.shape[0]
        for e in range(-count):
            of[e] = x[first + at[e]]
        add_scaled_rows(matrix, at, of, -count, out)


@njit(cache=True)
def conv(w, x, at, of, count, out, shape):
    """A convolution, one weight of the kernel after the other, whose matrix then stays in the cache.

    shape: height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups (1 here).
    """
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, _ = thirteen(
        shape
    )
    fill_row(out, 0)
    weights, whole = w.reshape((kh * kw, inputs, outputs)), out.reshape((rows * columns, outputs))
    for k in range(kh):
        for l in range(kw):
            for r in range(rows):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for c in range(columns):
                    q = c * stride + l * dilation - pw
                    if q >= 0 and q < width:
                        p = y * width + q
                        add_pixel(
                            weights[k * kw + l], x, p, at[p], of, count[p], whole[r * columns + c]
                        )


@njit(cache=True)
def conv_x(w, a, at, of, count, out, shape):
    """The transpose of a convolution in its input; w is [kh, kw, outputs, inputs], shape as for `conv`."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, _ = thirteen(
        shape
    )
    fill_row(out, 0)
    weights, whole = w.reshape((kh * kw, outputs, inputs)), out.reshape((height * width, inputs))
    for k in range(kh):
        for l in range(kw):
            for r in range(rows):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for c in range(columns):
                    q = c * stride + l * dilation - pw
                    if q >= 0 and q < width:
                        p = r * columns + c
                        add_pixel(
                            weights[k * kw + l], a, p, at[p], of, count[p], whole[y * width + q]
                        )


@njit(cache=True)
def channel_events(x, low, high, inputs, at, of, count):
    """For the channels of one owner, the pixels where they are not 0 and what stands there."""
    for i in range(high - low):
        count[i] = 0
    for p in range(x.size // inputs):
        for i in range(low, high):
            value = x[p * inputs + i]
            if value != 0:
                c = count[i - low]
                at[i - low, c] = p
                of[i - low, c] = value
                count[i - low] = c + 1


@njit(cache=True)
def conv_w(acc, a, z, opened, shape, low, high):
    """acc[k, l, i] += the signal's rows at the pixels that see channel i through weight (k, l)."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, _ = thirteen(
        shape
    )
    pixels, mine = height * width, high - low
    at, of = np.empty((mine, pixels), np.uint32), np.empty((mine, pixels), a.dtype)
    count = np.zeros(mine, np.int64)
    seen, scale = np.empty(pixels, np.uint32), np.empty(pixels, a.dtype)
    whole = acc.reshape((kh * kw, inputs, outputs))
    for s in range(a.shape[0]):
        if not opened[s]:
            continue
        for b in range(a.shape[1]):
            if silent(a[s, b]):
                continue
            signal = a[s, b].reshape((rows * columns, outputs))
            channel_events(z[s, b], low, high, inputs, at, of, count)
            for k in range(kh):
                for l in range(kw):
                    for i in range(mine):
                        found, ones = np.int64(0), True
                        for e in range(count[i]):
                            y = at[i, e] // width + ph - k * dilation
                            q = at[i, e] % width + pw - l * dilation
                            if y % stride or q % stride:
                                continue
                            r, c = y // stride, q // stride
                            if r >= 0 and r < rows and c >= 0 and c < columns:
                                seen[found] = r * columns + c
                                scale[found] = of[i, e]
                                ones &= of[i, e] == 1
                                found += 1
                        if ones:
                            add_rows(signal, seen, found, whole[k * kw + l, low + i])
                        else:
                            add_scaled_rows(signal, seen, scale, found, whole[k * kw + l, low + i])


@njit(cache=True)
def conv_part(owner, t0, t1, table, *kinds):
    """The weight product of a convolution over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[2])
    conv_w(acc, a, z, opened, shape, low, high)


@njit(cache=True)
def conv_product(acc, a, z, shape):
    """The weight product of a convolution over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    conv_w(acc, a, z, opened, shape, 0, shape[2])


@njit(cache=True, fastmath=PRODUCT)
def grouped_conv(w, x, out, shape):
    """A convolution in groups; shape as for `conv`, the number of groups last."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    fill_row(out, 0)
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            at = (r * columns + c) * outputs
            for k in range(kh):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for l in range(kw):
                    q = c * stride + l * dilation - pw
                    if q < 0 or q >= width:
                        continue
                    pixel = (y * width + q) * inputs
                    for i in range(inputs):
                        value = x[pixel + i]
                        if value != 0:
                            g = i // mine
                            base = ((k * kw + l) * mine + i - g * mine) * outputs + g * per
                            row = w[base : base + per]
                            target = out[at + g * per : at + (g + 1) * per]
                            for o in range(per):
                                target[o] += value * row[o]


@njit(cache=True, fastmath=PRODUCT)
def grouped_conv_x(w, a, out, shape):
    """The transpose of a convolution in groups in its input; shape as for `conv`."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    fill_row(out, 0)
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            at = (r * columns + c) * outputs
            for k in range(kh):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for l in range(kw):
                    q = c * stride + l * dilation - pw
                    if q < 0 or q >= width:
                        continue
                    pixel = (y * width + q) * inputs
                    for i in range(inputs):
                        g = i // mine
                        base = ((k * kw + l) * mine + i - g * mine) * outputs + g * per
                        row = w[base : base + per]
                        signal = a[at + g * per : at + (g + 1) * per]
                        total = a[0] * 0
                        for o in range(per):
                            total += row[o] * signal[o]
                        out[pixel + i] += total


@njit(cache=True, fastmath=PRODUCT)
def grouped_conv_channel(acc, a, z, opened, shape, owner):
    """One presynaptic channel's part of the weight product of a convolution."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    mine, per = inputs // groups, outputs // groups
    g = owner // mine
    inner = owner - g * mine
    for s in range(a.shape[0]):
        if not opened[s]:
            continue
        for b in range(a.shape[1]):
            signal, x = a[s, b], z[s, b]
            for r in range(rows):
                for c in range(columns):
                    at = (r * columns + c) * outputs + g * per
                    for k in range(kh):
                        y = r * stride + k * dilation - ph
                        if y < 0 or y >= height:
                            continue
                        for l in range(kw):
                            q = c * stride + l * dilation - pw
                            if q < 0 or q >= width:
                                continue
                            value = x[(y * width + q) * inputs + owner]
                            if value != 0:
                                base = ((k * kw + l) * mine + inner) * outputs + g * per
                                target = acc[base : base + per]
                                source = signal[at : at + per]
                                for o in range(per):
                                    target[o] += value * source[o]


@njit(cache=True)
def grouped_conv_part(owner, t0, t1, table, *kinds):
    """The weight product of a convolution in groups over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[2])
    for owner in range(low, high):
        grouped_conv_channel(acc, a, z, opened, shape, owner)


@njit(cache=True)
def grouped_conv_product(acc, a, z, shape):
    """The weight product of a convolution in groups over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    for owner in range(shape[2]):
        grouped_conv_channel(acc, a, z, opened, shape, owner)


@njit(cache=True, fastmath=PRODUCT)
def conv_transpose(w, x, out, shape):
    """A transposed convolution; w is [kh, kw, pre, post], shape that of the convolution from post to pre."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    fill_row(out, 0)
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            for o in range(outputs):
                value = x[(r * columns + c) * outputs + o]
                if value == 0:
                    continue
                for k in range(kh):
                    y = r * stride + k * dilation - ph
                    if y < 0 or y >= height:
                        continue
                    for l in range(kw):
                        q = c * stride + l * dilation - pw
                        if q < 0 or q >= width:
                            continue
                        first = (y * width + q) * inputs + o // per * mine
                        base = ((k * kw + l) * outputs + o) * mine
                        row = w[base : base + mine]
                        target = out[first : first + mine]
                        for i in range(mine):
                            target[i] += value * row[i]


@njit(cache=True, fastmath=PRODUCT)
def conv_transpose_x(w, a, out, shape):
    """The transpose of a transposed convolution in its input; shape as for `conv_transpose`."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    mine, per = inputs // groups, outputs // groups
    for r in range(rows):
        for c in range(columns):
            for o in range(outputs):
                total = a[0] * 0
                for k in range(kh):
                    y = r * stride + k * dilation - ph
                    if y < 0 or y >= height:
                        continue
                    for l in range(kw):
                        q = c * stride + l * dilation - pw
                        if q < 0 or q >= width:
                            continue
                        first = (y * width + q) * inputs + o // per * mine
                        base = ((k * kw + l) * outputs + o) * mine
                        row = w[base : base + mine]
                        signal = a[first : first + mine]
                        for i in range(mine):
                            total += row[i] * signal[i]
                out[(r * columns + c) * outputs + o] = total


@njit(cache=True, fastmath=PRODUCT)
def conv_transpose_channel(acc, a, z, opened, shape, owner):
    """One presynaptic channel's part of the weight product of a transposed convolution."""
    height, width, inputs, rows, columns, outputs, kh, kw, stride, ph, pw, dilation, groups = (
        thirteen(shape)
    )
    mine, per = inputs // groups, outputs // groups
    for s in range(a.shape[0]):
        if not opened[s]:
            continue
        for b in range(a.shape[1]):
            signal, x = a[s, b], z[s, b]
            for r in range(rows):
                for c in range(columns):
                    value = x[(r * columns + c) * outputs + owner]
                    if value == 0:
                        continue
                    for k in range(kh):
                        y = r * stride + k * dilation - ph
                        if y < 0 or y >= height:
                            continue
                        for l in range(kw):
                            q = c * stride + l * dilation - pw
                            if q < 0 or q >= width:
                                continue
                            first = (y * width + q) * inputs + owner // per * mine
                            base = ((k * kw + l) * outputs + owner) * mine
                            target = acc[base : base + mine]
                            source = signal[first : first + mine]
                            for i in range(mine):
                                target[i] += value * source[i]


@njit(cache=True)
def conv_transpose_part(owner, t0, t1, table, *kinds):
    """The weight product of a transposed convolution over the steps of a chunk, for one block of rows."""
    acc, a, z, opened, shape = factors(table, t0, t1, *kinds)
    low = owner * number(table, BLOCK)
    high = min(low + number(table, BLOCK), shape[5])
    for owner in range(low, high):
        conv_transpose_channel(acc, a, z, opened, shape, owner)


@njit(cache=True)
def conv_transpose_product(acc, a, z, shape):
    """The weight product of a transposed convolution over all steps, for all rows."""
    opened = np.ones(a.shape[0], np.uint8)
    for owner in range(shape[5]):
        conv_transpose_channel(acc, a, z, opened, shape, owner)


@njit(cache=True)
def patches(x, out, shape):
    """What each output pixel of a convolution sees; shape as for `conv`, then the strides of channels and pixels."""
    height, width, inputs, rows, columns, _, kh, kw, stride, ph, pw, dilation, _, step, hop = (
        fifteen(shape)
    )
    fill_row(out, 0)
    for k in range(kh):
        for l in range(kw):
            base = (k * kw + l) * inputs * rows * columns
            for r in range(rows):
                y = r * stride + k * dilation - ph
                if y < 0 or y >= height:
                    continue
                for c in range(columns):
                    q = c * stride + l * dilation - pw
                    if q < 0 or q >= width:
                        continue
                    for i in range(inputs):
                        at = base + i * step + (r * columns + c) * hop
                        out[at] = x[(y * width + q) * inputs + i]


@njit(cache=True)
def max_pool(x, out, shape):
    """shape: height, width, channels, rows, columns, kh, kw, sh, sw."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                best = x[((r * sh) * width + c * sw) * channels + o]
                for k in range(kh):
                    for l in range(kw):
                        value = x[((r * sh + k) * width + c * sw + l) * channels + o]
                        if value > best:
                            best = value
                out[(r * columns + c) * channels + o] = best


@njit(cache=True)
def max_pool_x(x, bar, out, shape):
    """The derivative goes to the first maximum in row-major order."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    fill_row(out, 0)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                first = ((r * sh) * width + c * sw) * channels + o
                best, at = x[first], first
                for k in range(kh):
                    for l in range(kw):
                        place = ((r * sh + k) * width + c * sw + l) * channels + o
                        if x[place] > best:
                            best, at = x[place], place
                out[at] += bar[(r * columns + c) * channels + o]


@njit(cache=True)
def avg_pool(x, out, shape):
    """The mean of every window."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                total = x[0] * 0
                for k in range(kh):
                    for l in range(kw):
                        total += x[((r * sh + k) * width + c * sw + l) * channels + o]
                out[(r * columns + c) * channels + o] = total / (kh * kw)


@njit(cache=True)
def avg_pool_x(bar, out, shape):
    """Equal shares for all of a window."""
    _, width, channels, rows, columns, kh, kw, sh, sw = nine(shape)
    fill_row(out, 0)
    for r in range(rows):
        for c in range(columns):
            for o in range(channels):
                share = bar[(r * columns + c) * channels + o] / (kh * kw)
                for k in range(kh):
                    for l in range(kw):
                        out[((r * sh + k) * width + c * sw + l) * channels + o] += share


@njit(cache=True)
def avg_pool_to(x, out, shape):
    """Adaptive mean: cell i of m covers floor(i n / m) to ceil((i + 1) n / m).

    shape: height, width, channels, rows, columns.
    """
    height, width, channels, rows, columns = five(shape)
    for r in range(rows):
        y0, y1 = r * height // rows, -(-(r + 1) * height // rows)
        for c in range(columns):
            x0, x1 = c * width // columns, -(-(c + 1) * width // columns)
            for o in range(channels):
                total = x[0] * 0
                for y in range(y0, y1):
                    for q in range(x0, x1):
                        total += x[(y * width + q) * channels + o]
                out[(r * columns + c) * channels + o] = total / ((y1 - y0) * (x1 - x0))


@njit(cache=True)
def avg_pool_to_x(bar, out, shape):
    """The transpose of the adaptive mean."""
    height, width, channels, rows, columns = five(shape)
    fill_row(out, 0)
    for r in range(rows):
        y0, y1 = r * height // rows, -(-(r + 1) * height // rows)
        for c in range(columns):
            x0, x1 = c * width // columns, -(-(c + 1) * width // columns)
            for o in range(channels):
                share = bar[(r * columns + c) * channels + o] / ((y1 - y0) * (x1 - x0))
                for y in range(y0, y1):
                    for q in range(x0, x1):
                        out[(y * width + q) * channels + o] += share


@njit(cache=True)
def place_before(i, before, after, corners):
    """Where pixel i of a resized axis lies on the axis before; pixels are centred at i + 1/2."""
    if corners:
        return i * (before - 1) / max(after - 1, 1)
    return (i + 0.5) * before / after - 0.5


@njit(cache=True)
def taps(i, before, after, antialias, corners):
    """First and last pixel that pixel i of a resized axis is made of, its place, their reach and weight."""
    place = place_before(i, before, after, corners)
    scale = (before - 1) / max(after - 1, 1) if corners else before / after
    reach = max(scale, 1.0) if antialias else 1.0
    low, high = max(int(np.ceil(place - reach)), 0), min(int(np.floor(place + reach)), before - 1)
    total = 0.0
    for j in range(low, high + 1):
        total += max(1 - abs(j - place) / reach, 0.0)
    return low, high, place, reach, total


@njit(cache=True)
def resize(x, out, shape):
    """Bilinear interpolation. shape: height, width, channels, rows, columns, antialias, corners."""
    height, width, channels, rows, columns, antialias, corners = seven(shape)
    fill_row(out, 0)
    for r in range(rows):
        top, bottom, y, tall, down = taps(r, height, rows, antialias, corners)
        for c in range(columns):
            left, right, z, wide, across = taps(c, width, columns, antialias, corners)
            for j in range(top, bottom + 1):
                along = max(1 - abs(j - y) / tall, 0.0) / down
                for k in range(left, right + 1):
                    weight = along * max(1 - abs(k - z) / wide, 0.0) / across
                    for o in range(channels):
                        out[(r * columns + c) * channels + o] += (
                            x[(j * width + k) * channels + o] * weight
                        )


@njit(cache=True)
def resize_x(a, out, shape):
    """The transpose of `resize`, of the same shape."""
    height, width, channels, rows, columns, antialias, corners = seven(shape)
    fill_row(out, 0)
    for r in range(rows):
        top, bottom, y, tall, down = taps(r, height, rows, antialias, corners)
        for c in range(columns):
            left, right, z, wide, across = taps(c, width, columns, antialias, corners)
            for j in range(top, bottom + 1):
                along = max(1 - abs(j - y) / tall, 0.0) / down
                for k in range(left, right + 1):
                    weight = along * max(1 - abs(k - z) / wide, 0.0) / across
                    for o in range(channels):
                        out[(j * width + k) * channels + o] += (
                            a[(r * columns + c) * channels + o] * weight
                        )


@njit(cache=True)
def warp(image, flow, out, shape):
    """The image where the flow points, 0 outside. shape: height, width, channels."""
    height, width, channels = three(shape)
    fill_row(out, 0)
    for r in range(height):
        for c in range(width):
            at = r * width + c
            x, y = c + flow[2 * at], r + flow[2 * at + 1]
            left, top = int(np.floor(x)), int(np.floor(y))
            for j in range(max(top, 0), min(top + 2, height)):
                for k in range(max(left, 0), min(left + 2, width)):
                    weight = (1 - abs(y - j)) * (1 - abs(x - k))
                    for o in range(channels):
                        out[at * channels + o] += image[(j * width + k) * channels + o] * weight


@njit(cache=True)
def warp_image(flow, a, out, shape):
    """The transpose of `warp` in the image."""
    height, width, channels = three(shape)
    fill_row(out, 0)
    for r in range(height):
        for c in range(width):
            at = r * width + c
            x, y = c + flow[2 * at], r + flow[2 * at + 1]
            left, top = int(np.floor(x)), int(np.floor(y))
            for j in range(max(top, 0), min(top + 2, height)):
                for k in range(max(left, 0), min(left + 2, width)):
                    weight = (1 - abs(y - j)) * (1 - abs(x - k))
                    for o in range(channels):
                        out[(j * width + k) * channels + o] += a[at * channels + o] * weight


@njit(cache=True)
def warp_flow(image, flow, a, out, shape):
    """The derivative of `warp` by both channels of the flow."""
    height, width, channels = three(shape)
    fill_row(out, 0)
    for r in range(height):
        for c in range(width):
            at = r * width + c
            x, y = c + flow[2 * at], r + flow[2 * at + 1]
            left, top = int(np.floor(x)), int(np.floor(y))
            for j in range(max(top, 0), min(top + 2, height)):
                for k in range(max(left, 0), min(left + 2, width)):
                    pull = a[0] * 0
                    for o in range(channels):
                        pull += image[(j * width + k) * channels + o] * a[at * channels + o]
                    out[2 * at] += pull * (1 - abs(y - j)) * (1 if k > left else -1)
                    out[2 * at + 1] += pull * (1 - abs(x - k)) * (1 if j > top else -1)


@njit(cache=True)
def philox(c0, c1, c2, c3, k0, k1):
    """Philox4x32-10, four words for a counter and a key (Salmon et al. 2011)."""
    mask = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0 = (q >> np.uint64(32)) ^ c1 ^ k0
        c2 = (p >> np.uint64(32)) ^ c3 ^ k1
        c1, c3 = q & mask, p & mask
        k0 = (k0 + np.uint64(0x9E3779B9)) & mask
        k1 = (k1 + np.uint64(0xBB67AE85)) & mask
    return c0, c1, c2, c3


@njit(cache=True)
def word(element, step, sample, epoch, k0, k1):
    """One random word of a stream."""
    c = philox(
        np.uint64(element // 4), np.uint64(step), np.uint64(sample), np.uint64(epoch), k0, k1
    )
    lane = element % 4
    if lane == 0:
        return c[0]
    if lane == 1:
        return c[1]
    return c[2] if lane == 2 else c[3]


@njit(cache=True)
def add_steps(total, history, opened, steps):
    """total += the values of all open steps, in order."""
    for k in range(steps):
        if opened[k]:
            for i in range(total.size):
                total[i] += history[k, i]
