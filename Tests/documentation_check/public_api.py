"""Every public declaration says what a user must know: what it does, its parameters, an example, and threads."""
import glob, json, os, re, subprocess, tempfile
from urllib.parse import unquote, urlparse

from .markdown import ROOT

MODULES = ("GenAIOtel", "OllamaPoller", "EnginePoller", "GPUPoller")
TYPES = ("swift.struct", "swift.class", "swift.enum", "swift.protocol", "swift.actor", "swift.typealias")
FUNCTIONS = ("swift.func", "swift.method", "swift.type.method", "swift.init")


def check(_documents):
    with tempfile.TemporaryDirectory() as folder:
        graphs = {module: extract(module, folder) for module in MODULES}
    symbols = {symbol["identifier"]["precise"]: symbol for graph in graphs.values() for symbol in graph}
    # Where a call can't compile, the compiler's message is the documentation.
    found = [symbol for symbol in symbols.values() if not is_unavailable(symbol)]
    problems = [f"{place(symbol)}: {name(symbol)} {lack}" for symbol in found for lack in lacks(symbol)]
    problems += [problem for module, graph in graphs.items() for problem in missing_in_catalog(module, graph)]
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
    symbols = []
    for path in glob.glob(os.path.join(output, "*.symbols.json")):
        with open(path, encoding="utf-8") as file:
            symbols += json.load(file)["symbols"]
    return symbols


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
