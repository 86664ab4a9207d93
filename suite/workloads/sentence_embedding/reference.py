"""all-MiniLM-L6-v2 in float64 and plain numpy: what the outputs of every framework are held against.

`python -m suite.workloads.sentence_embedding.reference FOLDER outputs` (the folder with the data files) writes the rule
set's `outputs/sentence-embedding.json` to standard output; with `labels` instead, `labels/sentence-embedding.json`.
Needs numpy and safetensors, as in every image.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from suite.serve.protocol import Array
from suite.workloads.sentence_embedding.serve.task import EPSILON, HEADS, LAYERS, WEIGHTS, WIDTH, Task, pearson

# Two judged documents, two of the background (one longer than the model reads), three words.
SAMPLES = [0, 21, 50, 341, 343, 500, 779]
DIGITS = 10  # significant, of what is written
SOURCE = "float64 embeddings by suite/workloads/sentence_embedding/reference.py"

erf = np.vectorize(math.erf)


def _linear(x: Array, w: Mapping[str, Array], name: str) -> Array:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(x: Array, w: Mapping[str, Array], name: str) -> Array:
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + EPSILON)
    return scaled * w[f"{name}.LayerNorm.weight"] + w[f"{name}.LayerNorm.bias"]


def embed(w: Mapping[str, Array], ids: Array) -> Array:
    """Return the embedding (384,) of one text's token ids, from float64 weights."""
    length = len(ids)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:length]
    x = _norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            _linear(x, w, f"{name}.attention.self.{part}").reshape(length, HEADS, WIDTH // HEADS).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        likeness = query @ key.transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS)
        attention = np.exp(likeness - likeness.max(-1, keepdims=True))
        attention /= attention.sum(-1, keepdims=True)
        seen = (attention @ value).transpose(1, 0, 2).reshape(length, WIDTH)
        x = _norm(_linear(seen, w, f"{name}.attention.output.dense") + x, w, f"{name}.attention.output")
        wide = _linear(x, w, f"{name}.intermediate.dense")
        wide = wide * (1 + erf(wide / math.sqrt(2))) / 2
        x = _norm(_linear(wide, w, f"{name}.output.dense") + x, w, f"{name}.output")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def outputs(task: Task, w: Mapping[str, Array]) -> dict[str, object]:
    """Return the reference outputs of the rule set's few samples."""
    task.load(SAMPLES)
    rows = [embed(w, ids) for ids in task.inputs(SAMPLES)]
    return {
        "samples": SAMPLES,
        "outputs": [[float(f"{value:.{DIGITS - 1}e}") for value in row] for row in rows],
        "source": SOURCE,
    }


def labels(task: Task, w: Mapping[str, Array]) -> dict[str, object]:
    """Return what an accuracy run's answers are compared with.

    Those are the words' judgements, and of the documents, whose judgements may not be passed on, the reference's
    cosines and how these correlate with them.
    """
    task.load(task.documents)
    rows = np.array([embed(w, ids) for ids in task.inputs(task.documents)])
    pairs = np.triu_indices(len(rows), 1)
    cosines = (rows @ rows.T)[pairs]
    return {
        "wordsim353": {
            "pairs": [[task.place[one], task.place[other], judged] for one, other, judged in task.pairs],
            "source": "WordSim-353, Finkelstein et al. 2002, CC BY 4.0: samples of the words, mean judgement",
        },
        "lee": {
            "documents": task.documents,
            "pearson": pearson(cosines, task.judged[pairs]),
            "cosines": [float(f"{value:.{DIGITS - 1}e}") for value in cosines],
            "source": SOURCE,
        },
    }


def main(folder: Path, what: str) -> None:
    """Write the rule set's file."""
    weights = {name: value.astype(np.float64) for name, value in load_file(folder / WEIGHTS).items() if value.ndim < 3}
    made = {"outputs": outputs, "labels": labels}[what]
    sys.stdout.write(json.dumps(made(Task(folder), weights)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
