"""all-MiniLM-L6-v2 in NumPy: the weights are read by hand, and nothing looks for files on the network.

A newcomer would expect PyTorch here; it is ten times the download of everything else together.
"""

import hashlib
import json
import pathlib
import struct

import numpy
import scipy.special
import tokenizers

# What the model was made for; what is beyond is not read by anyone who uses it.
TOKENS = 256
HEADS = 12
LAYERS = 6
# A digest of 16 bytes and 384 numbers.
RECORD = 16 + 384 * 4


class MiniLM:
    """Texts to vectors of 384 dimensions and of unit length; each text is computed once and kept."""

    name = "all-MiniLM-L6-v2, 384 dimensions"

    def __init__(self, directory, kept):
        file = (directory / "model.safetensors").read_bytes()
        (size,) = struct.unpack("<Q", file[:8])
        head = json.loads(file[8 : 8 + size])
        self.weights = {}
        for name, entry in head.items():
            if entry.get("dtype") == "F32":
                begin, end = entry["data_offsets"]
                numbers = numpy.frombuffer(file[8 + size + begin : 8 + size + end], dtype=numpy.float32)
                numbers = numbers.reshape(entry["shape"])
                # Tables are looked up in by rows; what multiplies is turned over once instead of each time.
                turned = numbers.ndim == 2 and "embeddings" not in name
                self.weights[name] = numpy.ascontiguousarray(numbers.T) if turned else numbers
        self.tokenizer = tokenizers.Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.tokenizer.enable_truncation(TOKENS)
        self.tokenizer.no_padding()
        self.kept = pathlib.Path(kept)
        self.kept.parent.mkdir(parents=True, exist_ok=True)
        self.known = {}
        if self.kept.is_file():
            file = self.kept.read_bytes()
            for start in range(0, len(file) - RECORD + 1, RECORD):
                self.known[file[start : start + 16]] = file[start + 16 : start + RECORD]

    def vectors(self, texts):
        """The vectors of texts, a row each. What was computed is kept in a file, so that it is computed once."""
        digests = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        missing = {digest: text for digest, text in zip(digests, texts) if digest not in self.known}
        # Texts of one length together need no padding, and so no mask.
        by_length = {}
        for (digest, _), encoding in zip(missing.items(), self.tokenizer.encode_batch(list(missing.values()))):
            by_length.setdefault(len(encoding.ids), []).append((digest, encoding.ids))
        with self.kept.open("ab") as file:
            for length, some in sorted(by_length.items()):
                # What fits the processor's cache is quickest.
                most = max(1, 1024 // length)
                for start in range(0, len(some), most):
                    batch = some[start : start + most]
                    rows = self.encode(numpy.array([ids for _, ids in batch]))
                    for (digest, _), row in zip(batch, rows.astype(numpy.float32)):
                        self.known[digest] = row.tobytes()
                        file.write(digest + self.known[digest])
        return numpy.array([numpy.frombuffer(self.known[digest], dtype=numpy.float32) for digest in digests])

    def encode(self, ids):
        weights = self.weights
        texts, length = ids.shape
        words = weights["embeddings.word_embeddings.weight"][ids]
        places = weights["embeddings.position_embeddings.weight"][:length]
        kinds = weights["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(words + places + kinds, "embeddings.LayerNorm").reshape(texts * length, 384)
        for layer in range(LAYERS):
            at = f"encoder.layer.{layer}."
            split = lambda name: self.dense(x, at + "attention.self." + name).reshape(texts, length, HEADS, 32)
            query, key, value = (split(name).transpose(0, 2, 1, 3) for name in ("query", "key", "value"))
            scores = query @ key.transpose(0, 1, 3, 2) / numpy.float32(32**0.5)
            scores = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
            seen = (scores / scores.sum(axis=-1, keepdims=True)) @ value
            seen = seen.transpose(0, 2, 1, 3).reshape(texts * length, 384)
            x = self.norm(x + self.dense(seen, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            wide = self.dense(x, at + "intermediate.dense")
            wide *= numpy.float32(0.5) * (1 + scipy.special.erf(wide * numpy.float32(0.5**0.5)))
            x = self.norm(x + self.dense(wide, at + "output.dense"), at + "output.LayerNorm")
        mean = x.reshape(texts, length, 384).mean(axis=1)
        return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)

    def dense(self, x, name):
        return x @ self.weights[name + ".weight"] + self.weights[name + ".bias"]

    def norm(self, x, name):
        x = x - x.mean(axis=-1, keepdims=True)
        x /= numpy.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-12)
        return x * self.weights[name + ".weight"] + self.weights[name + ".bias"]
