"""Vectors of texts by the formulas of minilm.py and the tokenizer that the model was published with.

Usage: local_model.py MODEL TEXTS OUT; TEXTS has a JSON text a line, and OUT gets a vector of 384 numbers for each.
"""

import json
import pathlib
import sys
import tempfile
import time

from minilm import MiniLM

model, texts, out = sys.argv[1:]
texts = [json.loads(line) for line in pathlib.Path(texts).read_text().splitlines()]
with tempfile.TemporaryDirectory() as kept:
    model = MiniLM(pathlib.Path(model), pathlib.Path(kept) / "kept")
    began = time.perf_counter()
    vectors = model.vectors(texts)
    took = time.perf_counter() - began
pathlib.Path(out).write_bytes(vectors.astype("<f4").tobytes())
print(json.dumps({"texts": len(texts), "a_second": round(len(texts) / took, 1)}))
