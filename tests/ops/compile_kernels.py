"""Compiles the Triton kernels to machine code for NVIDIA cards, none of which is needed.

Run by `test_triton` in a process of its own, without Triton's interpreter.
"""

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ignn_toolbox.ops.cuda import fold, fold_backward, search

NUMBERS = ("index", "order", "segment")
TABLES = ("row_start", "col_start")
MAPS = ("keys", "out", "grad", "grad_keys")
STATISTICS = ("scale", "shift", "mean", "std", "counts", "queries", "distance")


def compile_kernel(kernel, constants, capability, dtype="fp32", ones=()):
    """Compile for one card; ``ones`` are sizes of 1, which Triton turns into constants."""
    constants = constants | dict.fromkeys(ones, 1)
    types = dict.fromkeys(NUMBERS, "*i64") | dict.fromkeys(TABLES, "*i32")
    types |= dict.fromkeys(MAPS, f"*{dtype}") | dict.fromkeys(STATISTICS, "*fp32")
    types |= dict.fromkeys(constants, "constexpr")

    def type_of(name):
        is_share = name.startswith(("grad_", "share_"))
        return types.get(name, "*fp32" if is_share else "i32")

    signature = {name: type_of(name) for name in kernel.arg_names}
    made = triton.compile(
        ASTSource(kernel, signature, constants), target=GPUTarget("cuda", capability, 32)
    )
    assert made.asm["cubin"]


folds = dict(S=2, SIZE=3, STRIDE=2, REACH=2, ADAPN=True, WIDE=tl.float32)
searches = dict(SIZE=3, STRIDE=2, NEIGHBORS=5, SLOTS=8, TILE=8, KEYS=64, FLOATS=32)
KERNELS = [
    (search._search, searches | {"EXCLUDE_SELF": False}),
    (fold._fold, folds | {"PIXELS": 16, "FLOATS": 128}),
    (fold_backward._to_keys, folds | {"FLOATS": 128}),
    (fold_backward._to_queries, folds | {"PIXELS": 32, "CHANNELS": 32}),
    (fold_backward._to_statistics, {"FLOATS": 32}),
]

if __name__ == "__main__":
    for kernel, constants in KERNELS:
        compile_kernel(kernel, constants, 90)
    for kernel, constants in KERNELS[1:4]:
        compile_kernel(kernel, constants, 80, "bf16")
        compile_kernel(kernel, constants, 80, ones=("ranks", "index_rank", "key_rows", "width"))
    compile_kernel(search._search, searches | {"EXCLUDE_SELF": True}, 80, ones=("rows", "depth"))
