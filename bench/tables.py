"""What was measured, for people: rows as they come, and what they amount to."""

import math
import sys

OURS = ("lepton", "tuned")
COLUMNS = f"{'model':24} {'threads':>7} {'peer':12} {'min ms':>9} {'median ms':>9} {'ratio':>6} {'error':>8} {'load s':>7} {'% FMA':>6} {'% mem':>6} {'others':>6}"


def percent(part):
    return "?" if part is None else f"{100 * part:.0f}"


def print_record(record):
    for name, peer in record["peers"].items():
        head = f"{record['model'][:24]:24} {record['threads']:>7} {name:12} "
        if "min_ms" not in peer:
            print(head + "failed: " + peer.get("error", "no run was measured"))
            continue
        error = "?" if "ok" not in peer else "wrong" if not peer["ok"] else f"{peer['max_rel']:.1e}"
        ratio = f"{peer['ratio']:.2f}" if "ratio" in peer else "?"
        shares = f"{percent(peer.get('fma_share')):>6} {percent(peer.get('memory_share')):>6}"
        print(head + f"{peer['min_ms']:9.4g} {peer['median_ms']:9.4g} {ratio:>6} {error:>8} {peer['load_s']:7.3f} {shares} {record['noise']['others_cpu']:6.2f}")
    sys.stdout.flush()


def print_kernels(record, count):
    total = sum(kernel["ms"] for kernel in record["kernels"])
    for kernel in record["kernels"][:count]:
        shares = f"{percent(kernel.get('fma_share')):>4}% FMA {percent(kernel.get('memory_share')):>4}% memory"
        print(f"    {kernel['ms']:9.4f} ms {100 * kernel['ms'] / total:5.1f}%  {shares}  {kernel['name']}")
    sys.stdout.flush()


def correct(record, names):
    """The times of those of the peers that were right."""
    return [peer["min_ms"] for name, peer in record["peers"].items() if name in names and peer.get("ok", False) and "min_ms" in peer]


def speedups(results, threads, name, others):
    """Of a peer over the best correct one of `others`, by model, for a number of threads."""
    rows = {}
    for record in results:
        own, rivals = correct(record, [name]), correct(record, others)
        if record["threads"] == threads and own and rivals:
            rows[record["model"]] = min(rivals) / own[0]
    return rows


def mean(rows):
    return math.exp(sum(map(math.log, rows.values())) / len(rows))


def summarize(results):
    """For each number of threads: the geometric mean of the speedups over the best correct peer, and the worst row; and that of tuning."""
    summary = {}
    rivals = {name for record in results for name in record["peers"]} - set(OURS)
    for threads in sorted({record["threads"] for record in results}):
        row = {}
        if rows := speedups(results, threads, "lepton", rivals):
            worst = min(rows, key=rows.get)
            row = {"models": len(rows), "geometric_mean": mean(rows), "worst": worst, "worst_speedup": rows[worst]}
        if rows := speedups(results, threads, "tuned", ["lepton"]):
            row |= {"tuned_models": len(rows), "tuning_gain": mean(rows)}
        if row:
            summary[threads] = row
    return summary


def print_limits(limits):
    for threads, row in limits.get("threads", {}).items():
        caches = ", ".join(f"{level} {row[key]:.0f}" for level, key in (("L1", "l1_gbs"), ("L2", "l2_gbs"), ("L3", "l3_gbs"), ("memory", "dram_gbs")))
        print(f"{threads} thread{'s' if threads != '1' else ''}: {row['gflops']:.0f} GFLOP/s; GB/s {caches}; a parallel loop costs {row['fork_join_us']:.2f} us")
    sys.stdout.flush()


def print_summary(summary):
    for threads, row in summary.items():
        head = f"{threads} thread{'s' if threads > 1 else ''}: "
        if "models" in row:
            print(
                f"{head}{row['geometric_mean']:.2f} times as fast as the best correct peer (geometric mean of {row['models']}), "
                f"at worst {row['worst_speedup']:.2f} times ({row['worst']})"
            )
        if "tuning_gain" in row:
            print(f"{head}{row['tuning_gain']:.3f} times as fast with tuned schedules (geometric mean of {row['tuned_models']})")
