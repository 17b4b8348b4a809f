"""What retrieval costs other engines: one engine and one number of passages a call, so that memory is its own.

bench_knowledge.py OUT COUNT vectors WORDLLAMA writes vectors; bench_knowledge.py OUT COUNT ENGINE prints a line.
"""

import json
import pathlib
import resource
import sys
import time

import numpy

OUT, COUNT, ENGINE = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
parts = [json.loads(line) for line in (OUT / f"{COUNT}.jsonl").read_text().splitlines()]
texts = [f"{part['title']} {part['text']}" for part in parts]
questions = json.loads((OUT / "questions.json").read_text())


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def table(count):
    return numpy.fromfile(OUT / f"{count}.vectors", dtype="<f4").reshape(-1, 256)


def bm25s_engine():
    import bm25s
    import Stemmer

    stemmer = Stemmer.Stemmer("english")
    read = lambda texts: bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)
    engine = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    engine.index(read(texts), show_progress=False)
    return lambda question: engine.retrieve(read([question]), k=10, show_progress=False)


def tantivy_engine():
    import tantivy

    schema = tantivy.SchemaBuilder()
    schema.add_text_field("all", tokenizer_name="en_stem")
    schema.add_integer_field("place", stored=True)
    index = tantivy.Index(schema.build())
    writer = index.writer(60_000_000, 1)
    for place, text in enumerate(texts):
        writer.add_document(tantivy.Document(all=text, place=place))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher = index.searcher()

    def ask(question):
        text = "".join(c if c.isalnum() else " " for c in question).lower()
        hits = searcher.search(index.parse_query(text, ["all"]), limit=10).hits
        return [searcher.doc(address)["place"][0] for _, address in hits]

    return ask


def chromadb_engine():
    import chromadb

    client = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False))
    collection = client.create_collection("parts", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None)
    for start in range(0, COUNT, 5000):
        ids = [str(place) for place in range(start, min(start + 5000, COUNT))]
        collection.add(ids=ids, embeddings=vectors[start : start + 5000], documents=texts[start : start + 5000])
    asked = iter(table("questions"))
    return lambda question: collection.query(query_embeddings=[next(asked)], n_results=10, include=["documents"])


if ENGINE == "vectors":
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    from wordllama import WordLlama

    model = WordLlama(pathlib.Path(sys.argv[4]))
    began = time.perf_counter()
    model.vectors(texts).astype("<f4").tofile(OUT / f"{COUNT}.vectors")
    took = time.perf_counter() - began
    model.vectors(questions).astype("<f4").tofile(OUT / "questions.vectors")
    print(json.dumps({"chunks": COUNT, "seconds": round(took, 2)}))
    sys.exit()

vectors = table(COUNT) if ENGINE == "chromadb" else None
before = memory()
began = time.perf_counter()
ask = {"bm25s": bm25s_engine, "tantivy": tantivy_engine, "chromadb": chromadb_engine}[ENGINE]()
built = time.perf_counter() - began
held = memory() - before
times = []
for question in questions:
    began = time.perf_counter()
    ask(question)
    times.append((time.perf_counter() - began) * 1000)
times.sort()
size = sum(map(len, texts))
print(json.dumps({
    "engine": ENGINE,
    "chunks": COUNT,
    "seconds": round(built, 2),
    "chunks a second": round(COUNT / built),
    "MB a second": round(size / built / 1e6, 1),
    "MiB more": held,
    "p50 ms": round(times[len(times) // 2], 2),
    "p99 ms": round(times[len(times) * 99 // 100], 2),
}))
