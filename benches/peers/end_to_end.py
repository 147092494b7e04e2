#!/usr/bin/env python3
"""Neighbours of every item, from a Parquet file to a model on disk: Sidecart beside pandas + implicit.

  python benches/peers/end_to_end.py PURCHASES.parquet [--sidecart target/release/sidecart] [--threads 2] [--runs 3]

Both read the same file, drop duplicates, weigh, keep the 200 best neighbours of every item and write them.
Sidecart reads and validates all columns. Each run is a process of its own; starting Python and importing
its libraries is not counted. Prints medians, the ratio and peak memory. Needs numpy, pandas, pyarrow, scipy, implicit.
"""
import argparse, json, os, resource, statistics, subprocess, sys, tempfile, time

PEER = """
import json, resource, sys, time
import numpy as np, pandas as pd, scipy.sparse as sp
from implicit.nearest_neighbours import CosineRecommender
path, threads, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
start = time.perf_counter()
rows = pd.read_parquet(path, columns=["basket_id", "item_id"]).drop_duplicates()
basket, _ = pd.factorize(rows.basket_id)
item, ids = pd.factorize(rows.item_id)
matrix = sp.csr_matrix((np.ones(len(basket)), (basket, item)))
model = CosineRecommender(K=200, num_threads=threads)
model.fit(matrix, show_progress=False)
model.save(out)
print(json.dumps({"s": time.perf_counter() - start, "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""

CONFIG = """
[purchases]
path = "{path}"
[models.associations]
enabled = false
[models.embeddings]
enabled = false
[models.baskets]
enabled = false
[models.mixture]
tune = false
[models.own]
baskets_per_customer = 0
"""


def peer(path, threads, folder):
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": str(threads)}
    out = subprocess.run([sys.executable, "-W", "ignore", "-c", PEER, path, str(threads), os.path.join(folder, "peer.npz")],
                         env=env, capture_output=True, text=True, check=True).stdout
    result = json.loads(out.strip().splitlines()[-1])
    return result["s"], result["mib"]


def ours(binary, path, threads, folder):
    config = os.path.join(folder, "neighbours.toml")
    with open(config, "w") as f:
        f.write(CONFIG.format(path=os.path.abspath(path)))
    start = time.perf_counter()
    command = [binary, "--quiet", "--threads", str(threads), "train", config, "--out", os.path.join(folder, f"model-{start}")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{binary} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("purchases")
    p.add_argument("--sidecart", default="target/release/sidecart")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--runs", type=int, default=3)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = [(ours(a.sidecart, a.purchases, a.threads, folder), peer(a.purchases, a.threads, folder)) for _ in range(a.runs)]
    middle = lambda side, value: statistics.median(run[side][value] for run in runs)
    for name, side in (("sidecart", 0), ("pandas + implicit", 1)):
        print(f"{name:>18}: {middle(side, 0):6.2f} s, peak {middle(side, 1):6.0f} MiB")
    print(f"ratio {middle(1, 0) / middle(0, 0):.2f} with {a.threads} threads, medians of {a.runs} runs")


if __name__ == "__main__":
    main()
