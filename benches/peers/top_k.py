#!/usr/bin/env python3
"""Bench `top_k`: exact search beside faiss IndexFlatIP, the same vectors, one thread, one run.

    pip install numpy faiss-cpu
    python benches/peers/top_k.py [N ..]          # from the repository root; default 50000 1000000

Unit vectors of 64 dimensions in clusters of uneven size, k = 20. Each engine answers one query at a
time; a ratio above 1 means that Sidecart is faster. Answers are compared first: a query counts as
equal when the scores agree to 1e-5 at every rank (the sums are rounded in another order).
"""
import os
import re
import subprocess
import sys
import tempfile
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
import faiss  # noqa: E402
import numpy as np  # noqa: E402

DIM, K, QUERIES, SEED = 64, 20, 1000, 7


def clustered(n):
    rng = np.random.default_rng(SEED)
    n_centres = max(50, n // 250)
    centres = rng.standard_normal((n_centres, DIM), dtype=np.float32)
    weights = 1.0 / np.sqrt(np.arange(1, n_centres + 1))
    weights /= weights.sum()

    def draw(count):
        noise = 0.6 * rng.standard_normal((count, DIM), dtype=np.float32)
        rows = centres[rng.choice(n_centres, count, p=weights)] + noise
        return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    return draw(n), draw(QUERIES)


def peer(vectors, queries):
    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(DIM)
    index.add(vectors)
    for query in queries[:20]:
        index.search(query[None], K)
    times = []
    for query in queries[: max(50, min(len(queries), 50_000_000 // len(vectors)))]:
        start = time.perf_counter()
        index.search(query[None], K)
        times.append((time.perf_counter() - start) * 1e6)
    return np.percentile(times, [50, 99]), index.search(queries, K)[0]


def ours(vectors, queries, folder):
    paths = {name: os.path.join(folder, name + ".f32") for name in ("vectors", "queries", "scores")}
    vectors.tofile(paths["vectors"])
    queries.tofile(paths["queries"])
    environment = dict(os.environ, **{"SIDECART_BENCH_" + name.upper(): path for name, path in paths.items()})
    run = subprocess.run(["cargo", "bench", "--quiet", "--bench", "top_k"], env=environment, text=True,
                         stdout=subprocess.PIPE, check=True)
    found = re.search(r"top_k/int8/\S+ p50_us=([\d.]+) p99_us=([\d.]+)", run.stdout)
    if not found:
        sys.exit("no measurement in the output of the bench:\n" + run.stdout)
    scores = np.fromfile(paths["scores"], dtype="<f4").reshape(len(queries), K)
    return np.array([float(found[1]), float(found[2])]), scores


def main():
    for n in [int(a) for a in sys.argv[1:]] or [50_000, 1_000_000]:
        vectors, queries = clustered(n)
        with tempfile.TemporaryDirectory() as folder:
            our_times, our_scores = ours(vectors, queries, folder)
        peer_times, peer_scores = peer(vectors, queries)
        equal = np.isclose(our_scores, peer_scores, atol=1e-5).all(axis=1).mean()
        print(f"top_k/rows={n},dim={DIM},k={K} equal_answers={equal:.4f}")
        print(f"  sidecart             p50_us={our_times[0]:.1f} p99_us={our_times[1]:.1f}")
        print(f"  faiss {faiss.__version__:14s} p50_us={peer_times[0]:.1f} p99_us={peer_times[1]:.1f}")
        print(f"  ratio                p50={peer_times[0] / our_times[0]:.2f} p99={peer_times[1] / our_times[1]:.2f}")


if __name__ == "__main__":
    main()
