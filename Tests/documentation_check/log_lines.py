"""docs/troubleshooting.md explains every line that the package logs as a warning or an error, and every reason in them.

A line is compared by its fixed text: what is interpolated in the source is … or a text of its own in the document.
"""
import glob, os, re

from .markdown import ROOT

PAGE = "docs/troubleshooting.md"
# Where lines of these levels come from, up to the literal.
CALLS = [
    r"\blog\.(?:warning|error)\(\s*",
    r"\.failed\(\s*\.(?:warning|error),\s*",
    r"\(\s*\.(?:warning|error),\s*",
    r"\bwarnings\.append\(\s*",
    r"level: \.(?:warning|error), text: ",
    r"\boverflowWarning\(_ what: String\) -> String\? \{.*?return ",
    r"\bwarn\(\s*\w+,\s*",
]
# Where their reasons come from: anywhere, and in the files whose descriptions become part of a line.
REASONS = [r"\bbecause: ", r"\bUnusable\(\s*description: ", r"\blet reason = ", r"\bdown\(server, "]
DESCRIPTIONS = {
    "Sources/GenAISupport/HTTP/HTTPMessages.swift": r"^ +case \.\w+(?:\([^)]*\))?:\s*",
    "Sources/GenAISupport/HTTP/HTTPEndpoint.swift": r"^ +case \.\w+: ",
    "Sources/GenAIOtel/OTLP/HeaderSource.swift": r"^ +case \.\w+(?:\([^)]*\))?:\s*",
    "Sources/OllamaPoller/OllamaHost.swift": r"\bproblem = ",
    "Sources/GenAIOtel/OTLP/OTLPAnswer.swift": r"\breason:\s*",
    "Sources/GenAIOtel/Collector/CardinalityWarnings.swift": r"^ +case \.\w+:\s*\(",
}


def check(documents):
    page = next(document for document in documents if document.path == PAGE)
    explained = [normal(span) for _, span in page.code_spans()]
    lines = {}
    for path in sorted(glob.glob("Sources/**/*.swift", root_dir=ROOT, recursive=True)):
        for line in lines_of(path):
            lines.setdefault(line, path)
    problems = [
        f"{PAGE} does not explain `{line}` ({path})"
        for line, path in lines.items()
        if not any(explains(span, line) for span in explained)
    ]
    if len(lines) < 60:
        problems.append(f"only {len(lines)} lines were found in the sources: this check is out of date")
    print(f"{len(lines)} lines of the log and reasons in them, {len(problems)} not explained")
    return problems


def explains(span, line):
    """Whether the span has the line's fixed texts, in their order."""
    position = 0
    for text in filter(None, map(normal, line.split("…"))):
        position = span.find(text, position)
        if position < 0:
            return False
        position += len(text)
    return True


def lines_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = re.sub(r"^\s*//.*", "", file.read(), flags=re.M)
    calls = CALLS + REASONS + ([DESCRIPTIONS[path]] if path in DESCRIPTIONS else [])
    for call in calls:
        for match in re.finditer(f'(?:{call})(?=")', text, re.S | re.M):
            line = literal(text, match.end())
            # What only joins other texts has no words of its own.
            if re.search(r"[a-z]{4}", line):
                yield line


def literal(text, start):
    """The string literal that begins there, with every interpolation, however nested, as …."""
    result, position = "", start + 1
    while text[position] != '"':
        if text.startswith("\\(", position):
            result += "…"
            position = end_of_interpolation(text, position + 2)
            continue
        position += text[position] == "\\"
        result += text[position]
        position += 1
    return result


def end_of_interpolation(text, position):
    depth = 1
    while depth:
        if text[position] == '"':
            position += 1
            while text[position] != '"':
                position = end_of_interpolation(text, position + 2) if text.startswith("\\(", position) else position + 1
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        position += 1
    return position


def normal(text):
    return re.sub(r"[\s…]+", " ", text.replace('"', "").replace("'", "")).strip().rstrip(".:;, ").removesuffix(" (").strip()
