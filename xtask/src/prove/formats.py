"""What a Python extractor makes of the files that `cargo xtask prove formats` reads.

formats.py FILES THEIRS writes the text of each file in FILES to a file of the same name in THEIRS, and prints a
line of JSON each. markitdown reads most formats; OpenDocument and e-mail, which it does not read, are given to
odfpy and to Python's own `email`.
"""

import email
import email.policy
import json
import pathlib
import re
import sys
import time
import warnings

import markitdown
import odf.opendocument
import odf.teletype

FILES, THEIRS = map(pathlib.Path, sys.argv[1:])
warnings.simplefilter("ignore")
reader = markitdown.MarkItDown(enable_plugins=False)


def opened(path):
    document = odf.opendocument.load(str(path))
    parts = []

    def walk(node):
        name = getattr(node, "qname", (None, ""))[1]
        if name in ("p", "h"):
            parts.append(odf.teletype.extractText(node))
        else:
            for child in node.childNodes:
                walk(child)

    walk(document.body)
    return "\n".join(parts)


def mailed(path):
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    part = message.get_body(("plain", "html"))
    head = [str(message[name]) for name in ("from", "to", "subject") if message[name]]
    text = part.get_content() if part is not None else ""
    if part is not None and part.get_content_subtype() == "html":
        text = re.sub(r"(?s)<(style|script).*?</\1>|<[^>]*>|&nbsp;", " ", text)
    return "\n".join([*head, text])


def plain(text, kind):
    """Without what is mark-up of their own: the targets of links, comments, names of empty cells."""
    text = re.sub(r"(?s)<!--.*?-->", " ", text)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", text)
    text = re.sub(r"\]\([^)]*\)", "] ", text)
    text = re.sub(r"\bNaN\b|\bUnnamed: \d+\b| 00:00:00\b|\\", " ", text)
    if kind == "pptx":
        text = re.sub(r"(?m)^### (Chart:?|Notes:?)|^\| Category|\[unsupported chart\]", " ", text)
    # A column of numbers gets as many digits as its longest.
    return re.sub(r"(\.\d*?)0+(?=\D)", r"\1", text) if kind in ("xls", "xlsx") else text


for path in sorted(FILES.iterdir()):
    began = time.perf_counter()
    kind = path.suffix[1:]
    try:
        if kind in ("odt", "odp", "ods", "ott", "otp"):
            by, text = "odfpy", opened(path)
        elif kind == "eml":
            by, text = "email", mailed(path)
        else:
            by, text = "markitdown", plain(reader.convert(str(path)).text_content, kind)
        problem = ""
    except Exception as error:
        text, problem = "", type(error).__name__
    (THEIRS / path.name).write_text(text, errors="replace")
    took = time.perf_counter() - began
    print(json.dumps({"file": path.name, "by": by, "seconds": round(took, 3), "problem": problem}), flush=True)
