"""How many numbers the sums of products hold in this machine's registers."""

import llvmlite.binding as llvm

WIDE = bool(llvm.get_host_cpu_features().get("avx512f"))
SUM = 512 if WIDE else 256  # bytes of one sum
TALL, BLOCK = ((6, 4, 2, 1), 256) if WIDE else ((3, 1), 128)  # sums of a block, and bytes of each
THIN = 192 if WIDE else 32  # bytes of each of the nine sums of a kernel of 3 x 3
SPARE = 16  # numbers that are listed at a time: lists have room for so many more
DOTS, ROW = (
    (4, 1),
    64 if WIDE else 32,
)  # rows that one row is multiplied with, and bytes of each at a time
