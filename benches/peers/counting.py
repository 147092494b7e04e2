#!/usr/bin/env python3
"""Pair counting and neighbours beside other programs, on the same baskets in one run.

    python benches/peers/counting.py BASKETS.parquet [--repeats 5] [--threads 1 2] [--per-item 200]

BASKETS.parquet has the columns `basket` and `item` (whole numbers); duplicates within a basket are
dropped. Needs numpy, scipy, pyarrow and implicit. Every program runs in a process of its own, in
turn, `--repeats` times, and does its work three times; the table shows medians of medians, ratios to implicit and peak memory. Reading and
removing duplicates is not timed. What is compared:

- `implicit`: CosineRecommender(K).fit, both directions, the best K per item.
- `scipy`: X^T X, all counts in both directions, nothing chosen.
- `sidecart neighbours`: from baskets to the best K per item by asymmetric cosine with weighted
  baskets, all items (`min_item_baskets = 1`, as for the others) and with the default of 5.
- `sidecart count`: sorting the baskets by item, and counting each pair once without keeping it.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
RUNS = 3


def matrix(folder):
    import numpy as np
    import scipy.sparse as sp

    offsets = np.fromfile(os.path.join(folder, "offsets"), "<u4").astype(np.int32)
    items = np.fromfile(os.path.join(folder, "items"), "<u4").astype(np.int32)
    return sp.csr_matrix((np.ones(len(items)), items, offsets))


def peer(name, folder, per_item, threads):
    """Runs in the child process: prints seconds and peak memory."""
    x = matrix(folder)
    if name == "implicit":
        from implicit.nearest_neighbours import CosineRecommender

        model = CosineRecommender(K=per_item, num_threads=threads)

        def work():
            model.fit(x, show_progress=False)
    else:
        transposed = x.T.tocsr()

        def work():
            return transposed @ x

    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"seconds": statistics.median(seconds), "peak_rss_mib": peak}))


def export(parquet, folder):
    """Writes the baskets as raw `u32` files and returns the number of pairs."""
    import numpy as np
    import pyarrow.parquet as pq
    import scipy.sparse as sp

    table = pq.read_table(parquet, columns=["basket", "item"])
    basket = np.unique(table["basket"].to_numpy(), return_inverse=True)[1]
    item = np.unique(table["item"].to_numpy(), return_inverse=True)[1]
    x = sp.csr_matrix((np.ones(len(basket), np.int8), (basket, item)))
    x.sum_duplicates()
    x.indptr.astype("<u4").tofile(os.path.join(folder, "offsets"))
    x.indices.astype("<u4").tofile(os.path.join(folder, "items"))
    size = np.diff(x.indptr).astype(np.int64)
    return x.shape, x.nnz, int((size * (size - 1) // 2).sum())


def executable(bench):
    """Builds a bench and returns its path; SIDECART_BENCH_<NAME> names a built one."""
    given = os.environ.get("SIDECART_BENCH_" + bench.upper())
    if given:
        return given
    command = ["cargo", "bench", "--bench", bench, "--no-run", "--message-format=json"]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    paths = [json.loads(line).get("executable") for line in built.splitlines() if line.startswith("{")]
    return [path for path in paths if path][-1]


def own(path, folder, threads, **settings):
    environment = dict(
        os.environ,
        SIDECART_BENCH_OFFSETS=os.path.join(folder, "offsets"),
        SIDECART_BENCH_ITEMS=os.path.join(folder, "items"),
        SIDECART_BENCH_THREADS=str(threads),
        SIDECART_BENCH_REPEATS=str(RUNS),
        **{key: str(value) for key, value in settings.items()},
    )
    return json.loads(subprocess.run([path], env=environment, check=True, capture_output=True, text=True).stdout)


def other(name, folder, per_item, threads):
    command = [sys.executable, os.path.abspath(__file__), "--child", name, folder, str(per_item), str(threads)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main():
    if len(sys.argv) == 6 and sys.argv[1] == "--child":
        return peer(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parquet")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--per-item", type=int, default=200)
    arguments = parser.parse_args()
    count, neighbours = executable("count_pairs"), executable("neighbours")

    with tempfile.TemporaryDirectory() as folder:
        (n_baskets, n_items), n_lines, n_pairs = export(arguments.parquet, folder)
        print(f"{os.path.basename(arguments.parquet)}: {n_lines:,} lines, {n_baskets:,} baskets, "
              f"{n_items:,} items, {n_pairs:,} pairs")
        runs = {}
        for _ in range(arguments.repeats):
            for threads in arguments.threads:
                def keep(name, seconds, peak):
                    runs.setdefault((name, threads), []).append((seconds, peak))

                for name in ("implicit",) + (("scipy",) if threads == 1 else ()):
                    result = other(name, folder, arguments.per_item, threads)
                    keep(name, result["seconds"], result["peak_rss_mib"])
                for least in (1, 5):
                    result = own(neighbours, folder, threads, SIDECART_BENCH_MIN_BASKETS=least,
                                 SIDECART_BENCH_PER_ITEM=arguments.per_item)
                    keep(f"sidecart neighbours, from {least}", result["fit_s"], result["peak_rss_mib"])
                result = own(count, folder, threads)
                assert result["pairs"] == n_pairs, (result["pairs"], n_pairs)
                keep("sidecart count: sort", result["index_s"], result["peak_rss_mib"])
                keep("sidecart count: count", result["count_s"], result["peak_rss_mib"])

        print(f"{'program':32} {'threads':>7} {'seconds':>9} {'pairs/s':>9} {'implicit/it':>12} {'1 thread/it':>12} {'MiB':>6}")
        median = {key: statistics.median(seconds for seconds, _ in values) for key, values in runs.items()}
        for (name, threads), seconds in median.items():
            peak = max(peak for _, peak in runs[name, threads])
            faster = median["implicit", threads] / seconds
            scaling = median.get((name, 1), float("nan")) / seconds
            print(f"{name:32} {threads:7} {seconds:9.4f} {n_pairs / seconds / 1e6:8.1f}M {faster:12.2f} {scaling:12.2f} {peak:6}")


if __name__ == "__main__":
    main()
