"""Every Swift block compiles as it stands, as a reader would paste it; those that use other packages, with the real ones."""
import os, subprocess, tempfile
from concurrent.futures import ThreadPoolExecutor

from .builds import EXAMPLE, build
from .markdown import ROOT

MODULES = ".build/debug/Modules"
EXAMPLE_MODULES = f"{EXAMPLE}/{MODULES}"


def check(documents):
    blocks = [block for document in documents for block in document.blocks("swift")]
    has_packages = os.path.exists(os.path.join(ROOT, EXAMPLE_MODULES, "Logging.swiftmodule"))
    if any(map(uses_packages, blocks)) and not has_packages and (problems := build(EXAMPLE)):
        return problems
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem for problem in pool.map(problem_of, blocks) if problem]
    print(f"{len(blocks)} Swift blocks, {len(problems)} do not compile")
    return problems if blocks else ["no Swift block was found"]


def problem_of(block):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "main.swift")
        with open(source, "w", encoding="utf-8") as file:
            file.write(block.text)
        command = ["swiftc", "-typecheck", "-swift-version", "6", "-warnings-as-errors"]
        for modules in [MODULES] + [EXAMPLE_MODULES] * uses_packages(block):
            command += ["-I", os.path.join(ROOT, modules)]
        command.append(source)
        result = subprocess.run(command, capture_output=True, text=True)
    return f"{block.place}: does not compile\n{result.stderr}" if result.returncode else None


def uses_packages(block):
    return any(f"import {module}\n" in block.text for module in ("Logging", "Tracing"))
