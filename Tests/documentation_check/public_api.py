"""Every public declaration says what a user must know: what it does, its parameters, an example, and threads.

The declarations are those of Tests/public-api.txt, so that none changes unnoticed.
"""
import glob, json, os, re, subprocess, tempfile
from urllib.parse import unquote, urlparse

from .markdown import ROOT

LISTING = os.path.join(ROOT, "Tests/public-api.txt")
MODULES = ("GenAIOtel", "OllamaPoller", "EnginePoller", "GPUPoller")
TYPES = ("swift.struct", "swift.class", "swift.enum", "swift.protocol", "swift.actor", "swift.typealias")
# What every type conforms to, in one toolchain or another.
IMPLIED = {"Swift.Copyable", "Swift.Escapable", "Swift.SendableMetatype"}
FUNCTIONS = ("swift.func", "swift.method", "swift.type.method", "swift.init")


def check(_documents):
    with tempfile.TemporaryDirectory() as folder:
        graphs = {module: extract(module, folder) for module in MODULES}
    symbols = {symbol["identifier"]["precise"]: symbol for graph in graphs.values() for symbol in graph["symbols"]}
    # Where a call can't compile, the compiler's message is the documentation.
    found = [symbol for symbol in symbols.values() if not is_unavailable(symbol)]
    problems = [f"{place(symbol)}: {name(symbol)} {lack}" for symbol in found for lack in lacks(symbol)]
    problems += [problem for module, graph in graphs.items() for problem in missing_in_catalog(module, graph["symbols"])]
    problems += changes(declarations(graphs.values(), symbols))
    types = [symbol for symbol in found if kind(symbol) in TYPES]
    print(f"{len(found)} public symbols, {len(types)} of them types, {len(problems)} problems")
    return sorted(problems) if found else ["no public symbol was found"]


def extract(module, folder):
    """The public symbols of a module and of those that it re-exports, from a debug build."""
    output = os.path.join(folder, module)
    os.mkdir(output)
    info = subprocess.run(["swift", "-print-target-info"], capture_output=True, text=True, check=True).stdout
    command = ["swift", "symbolgraph-extract", "-module-name", module, "-I", os.path.join(ROOT, ".build/debug/Modules")]
    command += ["-target", json.loads(info)["target"]["triple"], "-output-dir", output]
    command += ["-minimum-access-level", "public", "-skip-synthesized-members"]
    command += [f"-experimental-allowed-reexported-modules=GenAISupport,{','.join(MODULES)}"]
    subprocess.run(command, capture_output=True, check=True)
    graph = {"symbols": [], "relationships": []}
    for path in glob.glob(os.path.join(output, "*.symbols.json")):
        with open(path, encoding="utf-8") as file:
            part = json.load(file)
        for key in graph:
            graph[key] += part[key]
    return graph


def declarations(graphs, symbols):
    """A line for each declaration and conformance, sorted."""
    lines = {f"{name(symbol)}  {fragments(symbol)}" for symbol in symbols.values()}
    for relation in (relation for graph in graphs for relation in graph["relationships"]):
        source, protocol = symbols.get(relation["source"]), relation.get("targetFallback")
        if relation["kind"] == "conformsTo" and source and protocol and protocol not in IMPLIED:
            lines.add(f"{name(source)}  : {protocol}")
    return sorted(lines)


def changes(found):
    """What differs from the listing. With UPDATE_PUBLIC_API=1 the listing is written anew."""
    if os.environ.get("UPDATE_PUBLIC_API") == "1":
        with open(LISTING, "w", encoding="utf-8") as file:
            file.write("\n".join(found) + "\n")
    with open(LISTING, encoding="utf-8") as file:
        listed = file.read().splitlines()
    hint = "in the public API, but not in Tests/public-api.txt: UPDATE_PUBLIC_API=1 Tests/documentation-check api"
    return [f"gone from the public API: {line}" for line in sorted(set(listed) - set(found))] + [
        f"{hint}: {line}" for line in sorted(set(found) - set(listed))
    ]


def lacks(symbol):
    text = comment(symbol)
    if not text:
        yield "has no doc comment"
        return
    if kind(symbol) in TYPES or kind(symbol) == "swift.func":
        if "```swift\n" not in text:
            yield "has no example"
        if not re.search(r"\bthread", text, re.I):
            yield "does not say what holds for threads"
    if kind(symbol) not in FUNCTIONS:
        return
    signature = symbol.get("functionSignature", {})
    for parameter in signature.get("parameters", []):
        called = parameter.get("internalName", parameter["name"])
        if not re.search(rf"^ *- (Parameter )?{re.escape(called)}: ", text, re.M):
            yield f"does not describe its parameter {called}"
    returned = "".join(part["spelling"] for part in signature.get("returns", []))
    if kind(symbol) != "swift.init" and returned not in ("", "()", "Void") and "- Returns: " not in text:
        yield "does not say what it returns"
    words = {part["spelling"] for part in symbol["declarationFragments"] if part["kind"] == "keyword"}
    if words & {"throws", "rethrows"} and "- Throws: " not in text:
        yield "does not say what it throws"


def missing_in_catalog(module, graph):
    """The module's page leads to each of its types and functions."""
    path = f"Sources/{module}/{module}.docc/{module}.md"
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        topics = file.read().partition("\n## Topics\n")[2]
    names = {symbol["pathComponents"][0] for symbol in graph if len(symbol["pathComponents"]) == 1}
    return [f"{path}: the topics lack {name}" for name in sorted(names) if f"- ``{name}``" not in topics]


def comment(symbol):
    return "\n".join(line["text"] for line in symbol.get("docComment", {}).get("lines", []))


def fragments(symbol):
    return " ".join("".join(part["spelling"] for part in symbol["declarationFragments"]).split())


def is_unavailable(symbol):
    return any(entry.get("isUnconditionallyUnavailable") for entry in symbol.get("availability", []))


def kind(symbol):
    return symbol["kind"]["identifier"]


def name(symbol):
    return ".".join(symbol["pathComponents"])


def place(symbol):
    location = symbol.get("location")
    if not location:
        return name(symbol)
    path = os.path.relpath(unquote(urlparse(location["uri"]).path), ROOT)
    return f"{path}:{location['position']['line'] + 1}"
