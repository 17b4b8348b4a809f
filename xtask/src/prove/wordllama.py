"""wordllama's table of vectors, without its package, whose loader looks for files on the network."""

import json
import struct

import numpy
import tokenizers


class WordLlama:
    """A table of one vector a token; a text is their mean."""

    def __init__(self, directory):
        weights = (directory / "weights/l2_supercat_256.safetensors").read_bytes()
        (size,) = struct.unpack("<Q", weights[:8])
        (entry,) = (v for k, v in json.loads(weights[8 : 8 + size]).items() if k != "__metadata__")
        kind = {"F16": numpy.float16, "F32": numpy.float32}[entry["dtype"]]
        begin, end = entry["data_offsets"]
        table = numpy.frombuffer(weights[8 + size + begin : 8 + size + end], dtype=kind)
        self.table = table.reshape(entry["shape"]).astype(numpy.float32)
        file = directory / "tokenizers/l2_supercat_tokenizer_config.json"
        self.tokenizer = tokenizers.Tokenizer.from_file(str(file))

    def vectors(self, texts):
        rows = numpy.zeros((len(texts), self.table.shape[1]), dtype=numpy.float32)
        for row, read in zip(rows, self.tokenizer.encode_batch(texts, add_special_tokens=False)):
            if read.ids:
                row[:] = self.table[read.ids].mean(axis=0)
        return rows
