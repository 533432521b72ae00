"""Every Swift block compiles as it stands, as a reader would paste it; those that use other packages, with the real ones.

A block of a doc comment is shorter: it stands in a function that has a few names already, see COMMENT_CONTEXT. The page about
integrations shows the files of a package, and how they are used: its other blocks are compiled beside these.
"""
import functools, glob, os, re, subprocess, tempfile
from concurrent.futures import ThreadPoolExecutor

from .builds import EXAMPLE, INTEGRATIONS, build
from .markdown import ROOT, Block, Document

MODULES = ".build/debug/Modules"
INTEGRATIONS_PAGE = "docs/integrations.md"
INTEGRATION_FILES = f"{INTEGRATIONS}/Sources/Integrations/*.swift"

# What a block of a doc comment may use without making it. `url` is an engine's or a server's.
COMMENT_CONTEXT = """
func example{number}(
    _ configuration: inout GenAIConfiguration,
    _ instrumentation: GenAIInstrumentation,
    _ metrics: ServerMetricsCollector,
    _ url: URL
) {effects} {{ do {{
#sourceLocation(file: "{path}", line: {line})
{text}#sourceLocation()
}} }}
"""
# An example ends before the value that it makes is used.
UNUSED = re.compile(r"was never used|never read")


def check(documents):
    blocks = [block for document in documents for block in document.blocks("swift")]
    for package in {package for package in map(package_of, blocks) if package}:
        is_built = os.path.exists(os.path.join(ROOT, package, MODULES, "Logging.swiftmodule"))
        if not is_built and (problems := build(package)):
            return problems
    files = integration_files()
    shown = [block for block in blocks if block.path == INTEGRATIONS_PAGE and block.text in files.values()]
    # What is shown as it stands was compiled with its package.
    compiled = [block for block in blocks if block not in shown]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem for problem in pool.map(problem_of, compiled) if problem]
    print(f"{len(blocks)} Swift blocks, {len(problems)} do not compile")
    missing = set(files) - {path for path, text in files.items() if text in [block.text for block in shown]}
    problems += [f"{INTEGRATIONS_PAGE} does not show {path} as it is" for path in sorted(missing)]
    examples = comment_blocks()
    in_comments = comment_problems(examples)
    print(f"{len(examples)} Swift blocks of doc comments, {len(in_comments)} problems")
    problems += in_comments + hint_problem()
    return problems if blocks and files and examples else ["no Swift block was found"]


@functools.cache
def integration_files():
    files = {}
    for path in glob.glob(INTEGRATION_FILES, root_dir=ROOT):
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            files[path] = file.read()
    return files


def comment_blocks():
    """The Swift blocks of the doc comments of Sources."""
    blocks = []
    for path in sorted(glob.glob("Sources/**/*.swift", root_dir=ROOT, recursive=True)):
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            # Every line stays one, so that a block's line is the file's.
            comments = [re.match(r" *///(?: (.*))?$|", line)[1] or "" for line in file.read().split("\n")]
        text = "\n".join(comments)
        for match in Document.FENCE.finditer(text):
            if match[1] == "swift":
                blocks.append(Block(path, text.count("\n", 0, match.start()) + 1, "swift", match[2]))
    return blocks


def comment_problems(blocks):
    """Compiles the blocks together: each alone would take as long as all of them."""
    text = "import Foundation\nimport GenAIOtel\n"
    for number, block in enumerate(blocks):
        # Only a block that waits may call the asynchronous forms.
        effects = "async throws" if re.search(r"\bawait\b", block.text) else "throws"
        text += COMMENT_CONTEXT.format(
            number=number, effects=effects, path=block.path, line=block.line + 1, text=block.text
        )
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "Examples.swift")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        command = ["swiftc", "-typecheck", "-swift-version", "6", "-parse-as-library", "-I", os.path.join(ROOT, MODULES)]
        result = subprocess.run([*command, source], capture_output=True, text=True)
    problems = [line for line in result.stderr.splitlines() if re.search(r"^\S.*: (error|warning): ", line)]
    problems = [line for line in problems if not UNUSED.search(line)]
    if result.returncode and not problems:
        problems = [f"the blocks of doc comments do not compile\n{result.stderr}"]
    return list(dict.fromkeys(problems))


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
        if package := package_of(block):
            command += package_flags(package)
        command.append(source)
        if block.path == INTEGRATIONS_PAGE:
            command += [os.path.join(ROOT, path) for path in integration_files()]
        result = subprocess.run(command, capture_output=True, text=True)
    return f"{block.place}: does not compile\n{result.stderr}" if result.returncode else None


def package_of(block):
    """The package that has what the block imports beside this one; None if it imports no other."""
    if block.path == INTEGRATIONS_PAGE:
        return INTEGRATIONS
    uses_packages = any(f"import {module}\n" in block.text for module in ("Hummingbird", "Logging", "Tracing"))
    return EXAMPLE if uses_packages else None


@functools.cache
def package_flags(package):
    """Where the other packages' modules are, those in C too, which Swift's import."""
    flags = ["-I", os.path.join(ROOT, package, MODULES)]
    for path in glob.glob(f"{package}/.build/checkouts/*/Sources/*/include/module.modulemap", root_dir=ROOT):
        flags += ["-Xcc", f"-I{os.path.join(ROOT, os.path.dirname(path))}"]
    for path in glob.glob(f"{package}/.build/debug/*.build/module.modulemap", root_dir=ROOT):
        flags += ["-Xcc", f"-fmodule-map-file={os.path.join(ROOT, path)}"]
    return flags
