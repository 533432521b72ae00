"""Every relative link leads somewhere, every file that is named is there, and every page can be found."""
import os, re
from urllib.parse import unquote

from .markdown import ROOT

NAMED_FILE = re.compile(r"(?:Sources|Tests|Examples|docs|\.ci)/[\w./+-]*")


def check(documents):
    by_path = {document.path: document for document in documents}
    problems, count = [], 0
    for document in documents:
        for link in document.links():
            if re.match(r"[a-z][a-z0-9+.-]*:", link.target):
                continue
            count += 1
            problem = link_problem(document, link.target, by_path)
            if problem:
                problems.append(f"{link.path}:{link.line}: {link.target} {problem}")
        for line, span in document.code_spans():
            name = NAMED_FILE.fullmatch(span.split(" ")[0])
            if not name:
                continue
            count += 1
            # The document of an example means its own folders, too.
            bases = (ROOT, os.path.join(ROOT, os.path.dirname(document.path)))
            if not any(os.path.exists(os.path.join(base, name.group())) for base in bases):
                problems.append(f"{document.path}:{line}: there is no {name.group()}")
    problems += pages_without_link(documents)
    print(f"{count} links and names of files, {len(problems)} wrong")
    return problems


def link_problem(document, target, by_path):
    path, _, anchor = target.partition("#")
    path = os.path.normpath(os.path.join(os.path.dirname(document.path), unquote(path))) if path else document.path
    if path.startswith(".."):
        return "leads out of the package"
    if not os.path.exists(os.path.join(ROOT, path)):
        return "is not there"
    if anchor and path in by_path and anchor not in by_path[path].anchors():
        return "names no heading"
    return None


def pages_without_link(documents):
    """README leads to every page of docs/ and of the examples."""
    readme = next(document for document in documents if document.path == "README.md")
    linked = {os.path.normpath(link.target.partition("#")[0]) for link in readme.links()}
    return [
        f"README.md does not link {document.path}"
        for document in documents
        if re.fullmatch(r"docs/[^/]+\.md|Examples/[^/]+/README\.md", document.path) and document.path not in linked
    ]
