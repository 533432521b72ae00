"""docs/configuration.md and the code name the same variables and properties."""
import glob, os, re

from .markdown import ROOT

PAGE = "docs/configuration.md"
VARIABLE = r"(?:OTEL|GENAI|OLLAMA)_[A-Z0-9_]*[A-Z0-9]"
# How the page writes a type's properties.
TYPES = {
    "Sources/GenAIOtel/Configuration/GenAIConfiguration.swift": "{}",
    "Sources/GenAIOtel/Configuration/OTLPConfiguration.swift": "otlp.{}",
    "Sources/GenAIOtel/Configuration/RequestConfiguration.swift": "requests.{}",
    "Sources/OllamaPoller/OllamaConfiguration.swift": "ollama?.{}",
    "Sources/GPUPoller/GPUConfiguration.swift": "gpus?.{}",
    "Sources/EnginePoller/EngineTarget.swift": "engines[n].{}",
}
NO_SETTINGS = {"description", "customMirror"}
# Pages that also speak of variables that this package does not read.
OF_OTHERS = {"docs/migrating-from-python.md"}


def check(documents):
    page = next(document for document in documents if document.path == PAGE)
    table = set(re.findall(rf"`({VARIABLE})`", page.text))
    read, for_metrics = variables_read()
    problems = [f"{PAGE} does not name {name}, which the code reads" for name in sorted(read - table)]
    for document in documents:
        if document.path.startswith(("README", "docs/", "Sources/")) and document.path not in OF_OTHERS:
            for name in sorted(set(re.findall(rf"\b{VARIABLE}\b", document.text)) - read - for_metrics):
                problems.append(f"{document.path} names {name}, which the code does not read")
    count = 0
    for path, form in TYPES.items():
        for name in properties(path):
            count += 1
            if f"`{form.format(name)}`" not in page.text:
                problems.append(f"{PAGE} does not name the property `{form.format(name)}`")
    if len(read) < 20 or count < 20:
        problems.append(f"only {len(read)} variables and {count} properties were found: this check is out of date")
    print(f"{len(read)} variables and {count} properties, {len(problems)} problems")
    return problems


def source(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def variables_read():
    """The variables that the sources read, and the forms for metrics that some of them have besides."""
    read, for_metrics = set(), set()
    for path in glob.glob("Sources/**/*.swift", root_dir=ROOT, recursive=True):
        text = re.sub(r"//.*", "", source(path))
        read |= set(re.findall(rf'"({VARIABLE})"', text))
        for suffix in re.findall(r'\.otlp\("(\w+)"\)', text):
            read.add(f"OTEL_EXPORTER_OTLP_{suffix}")
            for_metrics.add(f"OTEL_EXPORTER_OTLP_METRICS_{suffix}")
    return read, for_metrics


def properties(path):
    """The settable and readable properties of a file's first type, but for its descriptions."""
    names = re.findall(r"^    public (?:internal\(set\) )?var (\w+)", source(path), re.M)
    return [name for name in names if name not in NO_SETTINGS]
