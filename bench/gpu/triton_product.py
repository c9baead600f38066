"""A product of matrices in Triton: the peer of `operations.product`. Tiles and warps are tuned for each size and type when it is first called."""

import torch
import triton
import triton.language as tl

CONFIGURATIONS = [
    triton.Config({"ROWS": rows, "COLUMNS": columns, "DEPTH": depth, "GROUP": 8}, num_stages=stages, num_warps=warps)
    for rows, columns, depth, stages, warps in ((128, 256, 64, 3, 8), (128, 128, 64, 3, 8), (128, 128, 32, 4, 4), (64, 128, 32, 4, 4), (64, 64, 32, 5, 2))
]


@triton.autotune(configs=CONFIGURATIONS, key=["m", "n", "k"])
@triton.jit
def multiply(a, b, c, m, n, k, ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr, GROUP: tl.constexpr, PRECISION: tl.constexpr):
    # Neighbouring blocks share rows and columns, which the second-level cache then has.
    block = tl.program_id(0)
    tilesDown, tilesAcross = tl.cdiv(m, ROWS), tl.cdiv(n, COLUMNS)
    perGroup = GROUP * tilesAcross
    firstRow = block // perGroup * GROUP
    height = min(tilesDown - firstRow, GROUP)
    rows = (firstRow + block % perGroup % height) * ROWS + tl.arange(0, ROWS)
    columns = block % perGroup // height * COLUMNS + tl.arange(0, COLUMNS)
    depths = tl.arange(0, DEPTH)
    sums = tl.zeros((ROWS, COLUMNS), dtype=tl.float32)
    for begin in range(0, k, DEPTH):
        depth = begin + depths
        left = tl.load(a + rows[:, None] * k + depth[None, :], mask=(rows[:, None] < m) & (depth[None, :] < k), other=0.0)
        right = tl.load(b + depth[:, None] * n + columns[None, :], mask=(depth[:, None] < k) & (columns[None, :] < n), other=0.0)
        sums = tl.dot(left, right, sums, input_precision=PRECISION)
    tl.store(c + rows[:, None] * n + columns[None, :], sums.to(c.dtype.element_ty), mask=(rows[:, None] < m) & (columns[None, :] < n))


def product(a, b):
    """a [m, k] times b [k, n], both without gaps; float32 as TF32 where PyTorch may."""
    (m, k), n = a.shape, b.shape[1]
    c = torch.empty((m, n), dtype=a.dtype, device=a.device)
    grid = lambda chosen: (triton.cdiv(m, chosen["ROWS"]) * triton.cdiv(n, chosen["COLUMNS"]),)
    multiply[grid](a, b, c, m, n, k, PRECISION="tf32" if torch.backends.cuda.matmul.allow_tf32 else "ieee")
    return c
