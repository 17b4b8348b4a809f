"""The engines that `cargo xtask prove retrieval` compares ours with.

retrieval.py OUT WORDLLAMA reads the texts in OUT and leaves there the rankings of bm25s and tantivy, with
the settings that are best on the training questions, and the vectors of a static embedding model.
"""

import json
import math
import pathlib
import struct
import sys

import bm25s
import numpy
import Stemmer
import tantivy
import tokenizers

OUT, WORDLLAMA = map(pathlib.Path, sys.argv[1:])
STEMMER = Stemmer.Stemmer("english")


def ndcg(questions, ranked):
    total = 0.0
    for question in questions:
        gains = question["relevant"]
        got = sum(gains.get(d, 0) / math.log2(i + 2) for i, d in enumerate(ranked[question["id"]][:10]))
        best = sum(g / math.log2(i + 2) for i, g in enumerate(sorted(gains.values(), reverse=True)[:10]))
        total += got / best if best else 0
    return total / len(questions)


def documents(parts, places):
    """The documents of passages in order, each once."""
    return list(dict.fromkeys(parts[place]["document"] for place in places))[:100]


class Bm25s:
    system = "bm25s"

    def __init__(self, parts):
        self.parts = parts
        self.texts = [f"{part['title']} {part['text']}" for part in parts]
        self.tokens = {}

    def rank(self, settings, questions):
        method, k1, b, stop = settings
        read = lambda texts: bm25s.tokenize(texts, stopwords=stop, stemmer=STEMMER, show_progress=False)
        if stop not in self.tokens:
            self.tokens[stop] = read(self.texts)
        engine = bm25s.BM25(method=method, k1=k1, b=b)
        engine.index(self.tokens[stop], show_progress=False)
        asked = read([question["text"] for question in questions])
        most = min(800, len(self.parts))
        places, scores = engine.retrieve(asked, k=most, show_progress=False)
        return {
            question["id"]: documents(self.parts, [p for p, s in zip(row, values) if s > 0])
            for question, row, values in zip(questions, places, scores)
        }

    def best(self, questions):
        tried = {}
        for method in ("lucene", "robertson", "bm25+", "bm25l"):
            for k1 in (1.2, 1.5, 1.8):
                for b in (0.6, 0.75, 0.9):
                    settings = (method, k1, b, "en")
                    tried[settings] = ndcg(questions, self.rank(settings, questions))
        first = max(tried, key=tried.get)
        for stop in ("en_plus", None):
            settings = (*first[:3], stop)
            tried[settings] = ndcg(questions, self.rank(settings, questions))
        return max(tried, key=tried.get)

    def told(self, settings):
        method, k1, b, stop = settings
        return f"{method} k1 {k1} b {b}, stemmed, stop words {stop}"


class Tantivy:
    system = "tantivy"

    def __init__(self, parts):
        self.parts = parts
        schema = tantivy.SchemaBuilder()
        for field in ("title", "text", "all"):
            schema.add_text_field(field, tokenizer_name="en_stem")
        schema.add_integer_field("place", stored=True)
        self.index = tantivy.Index(schema.build())
        writer = self.index.writer(60_000_000, 1)
        for place, part in enumerate(parts):
            whole = f"{part['title']} {part['text']}"
            writer.add_document(tantivy.Document(title=part["title"], text=part["text"], all=whole, place=place))
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()

    def rank(self, settings, questions):
        fields, boosts = ({"title": settings, "text": 1.0}, True) if settings else ({"all": 1.0}, False)
        searcher = self.index.searcher()
        ranked = {}
        for question in questions:
            text = "".join(c if c.isalnum() else " " for c in question["text"])
            options = {"field_boosts": fields} if boosts else {}
            query = self.index.parse_query(text.lower(), list(fields), **options)
            hits = searcher.search(query, limit=800).hits
            places = [searcher.doc(address)["place"][0] for _, address in hits]
            ranked[question["id"]] = documents(self.parts, places)
        return ranked

    def best(self, questions):
        return max((0, 0.5, 1.0, 2.0), key=lambda settings: ndcg(questions, self.rank(settings, questions)))

    def told(self, settings):
        return f"en_stem, title weighs {settings}" if settings else "en_stem, title and text as one field"


class WordLlama:
    """A table of one vector a token, read by hand: its own loader looks for files on the network."""

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
        for read in self.tokenizer.encode_batch(texts, add_special_tokens=False):
            mean = self.table[read.ids].mean(axis=0) if read.ids else numpy.zeros(self.table.shape[1])
            yield [round(float(number), 5) for number in mean]


model = WordLlama(WORDLLAMA)
for name in ("cranfield", "scifact"):
    questions = json.loads((OUT / f"{name}-questions.json").read_text())
    for form in ("whole", "chunks"):
        parts = [json.loads(line) for line in (OUT / f"{name}-{form}.jsonl").read_text().splitlines()]
        rankings = []
        for engine in (Bm25s(parts), Tantivy(parts)):
            settings = engine.best(questions["train"])
            ranked = engine.rank(settings, questions["test"])
            rankings.append({"system": engine.system, "settings": engine.told(settings), "rankings": ranked})
        (OUT / f"{name}-{form}-rankings.json").write_text(json.dumps(rankings))
        texts = [f"{part['title']}. {part['text']}" for part in parts]
        lines = "".join(json.dumps(numbers) + "\n" for numbers in model.vectors(texts))
        (OUT / f"{name}-{form}-parts.vectors").write_text(lines)
        asked = zip(questions["test"], model.vectors([question["text"] for question in questions["test"]]))
        lines = "".join(json.dumps([question["id"], numbers]) + "\n" for question, numbers in asked)
        (OUT / f"{name}-{form}-questions.vectors").write_text(lines)
