"""Every Swift block compiles as it stands, as a reader would paste it; those that use other packages, with the real ones."""
import glob, os, subprocess, tempfile
from concurrent.futures import ThreadPoolExecutor

from .builds import EXAMPLE, build
from .markdown import ROOT

MODULES = ".build/debug/Modules"
EXAMPLE_MODULES = f"{EXAMPLE}/{MODULES}"
PACKAGE_FLAGS = []


def check(documents):
    blocks = [block for document in documents for block in document.blocks("swift")]
    has_packages = os.path.exists(os.path.join(ROOT, EXAMPLE_MODULES, "Logging.swiftmodule"))
    if any(map(uses_packages, blocks)) and not has_packages and (problems := build(EXAMPLE)):
        return problems
    PACKAGE_FLAGS[:] = package_flags()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem for problem in pool.map(problem_of, blocks) if problem]
    print(f"{len(blocks)} Swift blocks, {len(problems)} do not compile")
    problems += hint_problem()
    return problems if blocks else ["no Swift block was found"]


def hint_problem():
    """A request without a closure is told what to call instead."""
    text = "import GenAIOtel\nlet request = ServerMetricsCollector().trackRequest(model: \"m\")\n"
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "main.swift")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        command = ["swiftc", "-typecheck", "-swift-version", "6", "-I", os.path.join(ROOT, MODULES), source]
        result = subprocess.run(command, capture_output=True, text=True)
    is_told = result.returncode and "call beginRequest(model:)" in result.stderr
    return [] if is_told else [f"trackRequest without a closure: no hint at beginRequest\n{result.stderr}"]


def problem_of(block):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "main.swift")
        with open(source, "w", encoding="utf-8") as file:
            file.write(block.text)
        command = ["swiftc", "-typecheck", "-swift-version", "6", "-warnings-as-errors"]
        command += ["-I", os.path.join(ROOT, MODULES)]
        if uses_packages(block):
            command += PACKAGE_FLAGS
        command.append(source)
        result = subprocess.run(command, capture_output=True, text=True)
    return f"{block.place}: does not compile\n{result.stderr}" if result.returncode else None


def uses_packages(block):
    return any(f"import {module}\n" in block.text for module in ("Hummingbird", "Logging", "Tracing"))


def package_flags():
    """Where the other packages' modules are, those in C too, which Swift's import."""
    flags = ["-I", os.path.join(ROOT, EXAMPLE_MODULES)]
    for path in glob.glob(f"{EXAMPLE}/.build/checkouts/*/Sources/*/include/module.modulemap", root_dir=ROOT):
        flags += ["-Xcc", f"-I{os.path.join(ROOT, os.path.dirname(path))}"]
    for path in glob.glob(f"{EXAMPLE}/.build/debug/*.build/module.modulemap", root_dir=ROOT):
        flags += ["-Xcc", f"-fmodule-map-file={os.path.join(ROOT, path)}"]
    return flags
