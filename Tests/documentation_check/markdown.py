"""Reads Markdown: which documents there are, their code blocks, headings and links."""
import os, re
from dataclasses import dataclass

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


@dataclass
class Block:
    """A fenced code block."""

    path: str
    line: int
    language: str
    text: str

    @property
    def place(self):
        return f"{self.path}:{self.line}"


@dataclass
class Link:
    """What a link or an image leads to."""

    path: str
    line: int
    target: str


class Document:
    FENCE = re.compile(r"^```([\w-]*)[^\n]*\n(.*?)^```[ ]*$", re.M | re.S)
    LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)")
    REFERENCE = re.compile(r"^\[[^\]]+\]:\s+(\S+)", re.M)
    CODE_SPAN = re.compile(r"`([^`\n]+)`")

    def __init__(self, path):
        self.path = path
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            self.text = file.read()
        # Of the same length, so that positions stay what they are.
        self.prose = self.FENCE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), self.text)

    def line(self, position):
        return self.text.count("\n", 0, position) + 1

    def blocks(self, *languages):
        return [
            Block(self.path, self.line(match.start()), match.group(1), match.group(2))
            for match in self.FENCE.finditer(self.text)
            if not languages or match.group(1) in languages
        ]

    def links(self):
        prose = self.CODE_SPAN.sub(lambda match: " " * len(match.group()), self.prose)
        return [
            Link(self.path, self.line(match.start()), match.group(1))
            for pattern in (self.LINK, self.REFERENCE)
            for match in pattern.finditer(prose)
        ]

    def code_spans(self):
        return [(self.line(match.start()), match.group(1)) for match in self.CODE_SPAN.finditer(self.prose)]

    def anchors(self):
        """The names under which GitHub makes the headings reachable."""
        counts, anchors = {}, set()
        for match in re.finditer(r"^#{1,6} +(.*?) *#* *$", self.prose, re.M):
            # A heading's code and links count by their text.
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", self.text[match.start(1) : match.end(1)])
            name = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            anchors.add(f"{name}-{counts[name]}" if name in counts else name)
            counts[name] = counts.get(name, 0) + 1
        return anchors


def documents():
    """Every Markdown file of the package, but for what builds have put there."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files if name.endswith(".md")]
    return [Document(path) for path in sorted(found)]
