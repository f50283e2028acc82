"""Hand-written kernels that emitted code calls: products of projections, pools, random streams.

Values are channels last and flat per sample; weights are [pre, post] or [kh, kw, pre, post], so that an
event adds a contiguous row, or such matrices in panels of columns (`panels`). Every sum has a fixed order:
results do not depend on threads. Sums may be reassociated by the compiler inside one row (SEMANTICS 10.1), never
across owners.
"""

from snc_cpu.primitives.convolutions import *
from snc_cpu.primitives.dense import *
from snc_cpu.primitives.functions import *
from snc_cpu.primitives.grouped import *
from snc_cpu.primitives.images import *
from snc_cpu.primitives.pools import *
from snc_cpu.primitives.rows import *
from snc_cpu.primitives.shapes import *
from snc_cpu.primitives.streams import *
from snc_cpu.primitives.transposed import *
