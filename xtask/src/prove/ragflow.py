"""Lets RAGFlow's own client, `ragflow-sdk`, do to a server what it is made for, and prints what it saw.

Usage: ragflow.py URL KEY VERSION-OF-THE-SERVER. The server is our double; what the client can't do to it, a real
server would have refused us as well.
"""

import inspect
import json
import sys
from importlib.metadata import version as installed

from ragflow_sdk import RAGFlow

URL, KEY, SERVER = sys.argv[1:]
SDK = installed("ragflow-sdk")
OLD = SDK.startswith("0.14")
rows = []


def case(name):
    def run(work):
        try:
            work()
            rows.append({"case": name, "saw": "yes"})
        except Exception as error:
            rows.append({"case": name, "saw": f"NO: {type(error).__name__}: {error}"[:200]})

    return run


def refused(work, text=""):
    """What must fail, with a message."""
    try:
        work()
    except Exception as error:
        assert text.lower() in str(error).lower(), f"another message: {error}"
        return
    raise AssertionError("it was not refused")


rag = RAGFlow(KEY, URL)
kept = {}


def upload(dataset, *files):
    # The client has changed its mind about the name of the name.
    key = "displayed_name" if "displayed_name" in inspect.getsource(type(dataset).upload_documents) else "display_name"
    return dataset.upload_documents([{key: name, "blob": blob} for name, blob in files])


def until_read(dataset, document):
    for _ in range(20):
        found = dataset.list_documents(id=document.id)
        assert len(found) == 1 and found[0].id == document.id
        if found[0].progress >= 1 or found[0].progress < 0:
            return found[0]
    raise AssertionError("it was never read")


@case("a dataset is made, with what it was made of")
def _():
    dataset = rag.create_dataset(name="harbour", description="All about it")
    kept["dataset"] = dataset
    assert len(dataset.id) == 32 and dataset.name == "harbour" and dataset.chunk_method == "naive"
    assert dataset.description == "All about it" and dataset.permission == "me"
    assert dataset.document_count == 0 and dataset.chunk_count == 0
    assert dataset.parser_config.chunk_token_num > 0


@case("a name that is taken is refused, or changed")
def _():
    if OLD:
        refused(lambda: rag.create_dataset(name="harbour"), "duplicated dataset name")
    else:
        again = rag.create_dataset(name="harbour")
        assert again.name == "harbour(1)"
        rag.delete_datasets(ids=[again.id])


@case("a dataset of a method that is none is refused")
def _():
    refused(lambda: rag.create_dataset(name="other", chunk_method="odd"), "is not in")


@case("datasets are listed, by id and by name")
def _():
    assert [one.name for one in rag.list_datasets()] == ["harbour"]
    assert rag.list_datasets(id=kept["dataset"].id)[0].name == "harbour"
    assert rag.get_dataset(name="harbour").id == kept["dataset"].id
    refused(lambda: rag.list_datasets(name="nowhere"), "own the dataset")


@case("a dataset is renamed")
def _():
    kept["dataset"].update({"name": "port"})
    assert rag.list_datasets(id=kept["dataset"].id)[0].name == "port"


@case("a wrong key is refused")
def _():
    refused(lambda: RAGFlow("ragflow-another", URL).list_datasets())


@case("an empty dataset has no documents, or no list of them")
def _():
    if OLD:
        refused(kept["dataset"].list_documents, "own the document")
    else:
        assert kept["dataset"].list_documents() == []


@case("documents are sent, and one of a name that is taken gets another")
def _():
    text = b"The moorings cost nine crowns. Barnacles are scraped in October."
    first, second = upload(kept["dataset"], ("moorings.txt", text), ("ropes.md", "# Ropes\n\nManila höchstens.".encode()))
    (again,) = upload(kept["dataset"], ("moorings.txt", b"Another one."))
    assert (first.name, second.name, again.name) == ("moorings.txt", "ropes.md", "moorings(1).txt")
    assert first.run in ("UNSTART", "0") and first.progress == 0 and first.size == len(text)
    kept.update(first=first, second=second, again=again)


@case("a kind of file that is not taken is refused")
def _():
    refused(lambda: upload(kept["dataset"], ("a.xyz", b"x")), "not been supported")


@case("documents are listed, by id and by a part of the name")
def _():
    dataset = kept["dataset"]
    assert {one.name for one in dataset.list_documents()} == {"moorings.txt", "moorings(1).txt", "ropes.md"}
    assert [one.name for one in dataset.list_documents(keywords="ROPE")] == ["ropes.md"]
    assert len(dataset.list_documents(page=2, page_size=2)) == 1
    refused(lambda: dataset.list_documents(id="0" * 32), "own the document")


@case("a document comes back as it was sent")
def _():
    # The old client takes everything that is JSON for an error, and nothing else.
    assert kept["again"].download() == b"Another one."


@case("a document is renamed, but not to another kind")
def _():
    kept["again"].dataset_id = kept["dataset"].id
    kept["again"].update({"name": "other.txt"})
    refused(lambda: kept["again"].update({"name": "other.pdf"}), "extension")


@case("a document is read, and says how far it is")
def _():
    dataset, first = kept["dataset"], kept["first"]
    dataset.async_parse_documents([first.id])
    seen = dataset.list_documents(id=first.id)[0]
    assert seen.run in ("RUNNING", "1") and 0 < seen.progress < 1
    read = until_read(dataset, first)
    assert read.run in ("DONE", "3") and read.progress == 1.0 and read.chunk_count == 1
    kept["first"] = read


@case("reading is cancelled")
def _():
    dataset, second = kept["dataset"], kept["second"]
    dataset.async_parse_documents([second.id])
    if OLD:
        # That version does it, and fails then.
        refused(lambda: dataset.async_cancel_parse_documents([second.id]), "attribute")
    else:
        dataset.async_cancel_parse_documents([second.id])
    assert dataset.list_documents(id=second.id)[0].run in ("CANCEL", "2")


@case("a file that can't be read fails")
def _():
    (broken,) = upload(kept["dataset"], ("broken.docx", b"PK"))
    kept["dataset"].async_parse_documents([broken.id])
    read = until_read(kept["dataset"], broken)
    assert read.run in ("FAIL", "4") and read.progress < 0 and read.progress_msg


@case("what was read is listed as passages")
def _():
    first = kept["first"]
    first.dataset_id = kept["dataset"].id
    # The index is a moment behind.
    chunks = first.list_chunks() or first.list_chunks()
    assert len(chunks) == 1 and "nine crowns" in chunks[0].content and chunks[0].document_id == first.id
    assert chunks[0].available is True and len(chunks[0].id) == 16


@case("a passage is added, changed and deleted")
def _():
    first = kept["first"]
    made = first.add_chunk(content="Lanterns burn whale oil", important_keywords=["lantern"])
    assert made.content == "Lanterns burn whale oil"
    made.dataset_id, made.document_id = kept["dataset"].id, first.id
    made.update({"content": "Lanterns burn colza"})
    assert any("colza" in chunk.content for chunk in first.list_chunks())
    first.delete_chunks([made.id])
    assert len(first.list_chunks()) == 1


@case("a question finds passages of the documents that it is kept to")
def _():
    ask = {"dataset_ids": [kept["dataset"].id], "document_ids": [kept["first"].id]}
    if "offset" in inspect.signature(rag.retrieve).parameters:
        found = rag.retrieve(question="what do moorings cost", offset=1, limit=5, **ask)
    else:
        found = rag.retrieve(question="what do moorings cost", page=1, page_size=5, **ask)
    assert len(found) == 1 and "nine crowns" in found[0].content
    assert rag.retrieve(question="zeppelin", **ask) == []


@case("a question to what is not there is refused")
def _():
    dataset = kept["dataset"].id
    refused(lambda: rag.retrieve(question="x", dataset_ids=["0" * 32], document_ids=[]), "own the dataset")
    refused(lambda: rag.retrieve(question="x", dataset_ids=[dataset], document_ids=["0" * 32]), "own the document")


@case("documents are deleted, and those that are gone are told")
def _():
    kept["dataset"].delete_documents(ids=[kept["again"].id])
    names = {one.name for one in kept["dataset"].list_documents()}
    assert "other.txt" not in names and "moorings.txt" in names
    refused(lambda: kept["dataset"].delete_documents(ids=["0" * 32]))


@case("deleting nothing deletes all of it, or nothing")
def _():
    other = rag.create_dataset(name="other")
    upload(other, ("a.txt", b"x"))
    other.delete_documents(ids=[])
    left = [] if OLD else other.list_documents()
    assert len(left) == (1 if SERVER == "0.27" else 0)
    if OLD:
        refused(other.list_documents, "own the document")


@case("a dataset is deleted")
def _():
    rag.delete_datasets(ids=[kept["dataset"].id])
    refused(lambda: rag.list_datasets(id=kept["dataset"].id))


print(json.dumps({"sdk": SDK, "rows": rows}))
