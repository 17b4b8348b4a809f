"""The engines that `cargo xtask prove retrieval` compares ours with.

retrieval.py OUT WORDLLAMA MINILM reads the texts in OUT and leaves there the rankings of bm25s and tantivy, with
the settings that are best on the training questions, of chromadb, and of bm25s and chromadb put together; and
the vectors of two embedding models, the same that chromadb was given.
"""

import json
import math
import pathlib
import sys

import bm25s
import chromadb
import Stemmer
import tantivy

import minilm
from wordllama import WordLlama

OUT, WORDLLAMA, MINILM = map(pathlib.Path, sys.argv[1:])
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


class Chroma:
    """A vector database, searched as exactly as it can be."""

    system = "chromadb"

    def __init__(self, parts, vectors):
        self.parts = parts
        settings = {"hnsw": {"space": "cosine", "ef_construction": 400, "ef_search": 1000}}
        client = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False))
        client.get_or_create_collection("parts")
        client.delete_collection("parts")
        self.collection = client.create_collection("parts", configuration=settings, embedding_function=None)
        for start in range(0, len(parts), 4000):
            ids = [str(place) for place in range(start, min(start + 4000, len(parts)))]
            self.collection.add(ids=ids, embeddings=vectors[start : start + 4000])

    def rank(self, questions, vectors):
        most = min(800, len(self.parts))
        found = []
        for start in range(0, len(questions), 100):
            some = self.collection.query(query_embeddings=vectors[start : start + 100], n_results=most, include=[])
            found.extend(some["ids"])
        return {
            question["id"]: documents(self.parts, map(int, places)) for question, places in zip(questions, found)
        }


def fused(rankings):
    """Reciprocal ranks added up, as most guides to hybrid search have it."""
    together = {}
    for question in rankings[0]:
        scores = {}
        for ranked in rankings:
            for rank, document in enumerate(ranked[question]):
                scores[document] = scores.get(document, 0) + 1 / (60 + rank + 1)
        together[question] = sorted(scores, key=scores.get, reverse=True)[:100]
    return together


models = {"wordllama": WordLlama(WORDLLAMA), "minilm": minilm.MiniLM(MINILM, OUT / "minilm.kept")}
for name in ("cranfield", "scifact"):
    questions = json.loads((OUT / f"{name}-questions.json").read_text())
    asked = [question["text"] for question in questions["train"] + questions["test"]]
    for form in ("whole", "chunks"):
        parts = [json.loads(line) for line in (OUT / f"{name}-{form}.jsonl").read_text().splitlines()]
        rankings = []
        for engine in (Bm25s(parts), Tantivy(parts)):
            settings = engine.best(questions["train"])
            ranked = engine.rank(settings, questions["test"])
            rankings.append({"system": engine.system, "settings": engine.told(settings), "rankings": ranked})
        vectors = {}
        for kind, model in models.items():
            texts = [f"{part['title']}. {part['text']}" for part in parts]
            vectors[kind] = model.vectors(texts), model.vectors(asked)
            for which, rows in zip(("parts", "questions"), vectors[kind]):
                (OUT / f"{name}-{form}-{kind}-{which}.vectors").write_bytes(rows.astype("<f4").tobytes())
        own, questioned = vectors["minilm"]
        chroma = Chroma(parts, own)
        ranked = chroma.rank(questions["test"], questioned[len(questions["train"]) :])
        told = f"{minilm.MiniLM.name}; cosine, ef 1000"
        rankings.append({"system": "chromadb", "settings": told, "rankings": ranked})
        both = fused([rankings[0]["rankings"], ranked])
        rankings.append({"system": "bm25s and chromadb", "settings": "reciprocal ranks, k 60", "rankings": both})
        (OUT / f"{name}-{form}-rankings.json").write_text(json.dumps(rankings))
