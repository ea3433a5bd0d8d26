"""Runs of a made-up system, for the tests of tables."""

import numpy as np

from train.evaluate.runs import Run, run_of

N = 140


def make_run(system="A", seed=0, corpus="meld", split="test", *, skill=1.0, speakers=True, n=N) -> Run:
    truth = np.random.default_rng(7).integers(0, 7, n)
    logits = (
        np.random.default_rng([seed, int(100 * skill), len(corpus)]).standard_normal((n, 7)) + skill * np.eye(7)[truth]
    )
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    names = [f"s{i % 9}" for i in range(n)] if speakers else None
    ids = [f"dia{i}_utt0" for i in range(n)]
    return run_of(truth, p, system=system, seed=seed, corpus=corpus, split=split, ids=ids, speakers=names)
