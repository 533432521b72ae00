"""Every shell block is run, in the package's folder, in an environment without settings.

On Linux that happens in a network namespace of its own, where possible: the documents' ports are free there, and nothing
that a block does leaves the machine. What needs the network, building, is done before.
"""
import http.server, os, re, shutil, signal, subprocess, sys, tempfile, threading, time

from .builds import AGENT, EXAMPLE, INTEGRATIONS, build
from .markdown import ROOT, documents
from .shell_rules import RULES, Run, Serve, Skip, Watch, rule_for

LIMIT = 600
# A block that does nothing but set variables is followed by a program that reads them.
READER = os.path.join(ROOT, ".build/debug/ExitProbe") + " return"
COMPLAINT = re.compile(r"^.* (?:WARNING|ERROR) \[genai-otel\] .*(?:is ignored|is not supported|can't be used|is off).*$", re.M)


class Receiver(http.server.BaseHTTPRequestHandler):
    """Stands in for the Collector and the Prometheus that the documents export to."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.log.write(f"received POST {self.path}\n".encode())
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


class Program:
    """A block that runs, in a process group of its own."""

    def __init__(self, block, text, received=lambda: ""):
        self.block, self.received = block, received
        self.output = tempfile.NamedTemporaryFile(suffix=".txt")
        settings = ("OTEL_", "GENAI_", "OLLAMA_", "SERVER_", "LOAD_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(settings)}
        self.process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", text], cwd=ROOT, env=environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT,
        )

    def text(self):
        with open(self.output.name, encoding="utf-8", errors="replace") as file:
            return file.read() + self.received()

    def shows(self, pattern):
        return re.search(pattern, self.text(), re.M) is not None

    def wait_until_it_shows(self, pattern):
        deadline = time.monotonic() + LIMIT
        while not self.shows(pattern):
            if self.process.poll() is not None:
                return self.problem(f"ended with {self.process.returncode} before it showed {pattern!r}")
            if time.monotonic() > deadline:
                return self.problem(f"did not show {pattern!r} within {LIMIT} s")
            time.sleep(0.05)
        return None

    def wait(self):
        try:
            return self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def interrupt(self):
        """Ends it as Ctrl-C would; returns a problem, if there is one."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.problem("did not end within 30 s of Ctrl-C")
        return None if status == 0 else self.problem(f"ended with {status} after Ctrl-C")

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def problem(self, what):
        end = "\n".join(self.text().splitlines()[-40:])
        return f"{self.block.place}: {what}\n{self.block.text}{end}"


class Page:
    """The blocks of one document, run in their order."""

    def __init__(self, document, log):
        self.document, self.log = document, log
        self.used, self.problems, self.serving = [], [], None

    def run(self):
        try:
            for block in self.document.blocks("sh"):
                rule = rule_for(block)
                self.used.append(rule)
                started = time.monotonic()
                problem = self.run_block(block, rule.action if rule else Run())
                self.problems += [problem] if problem else []
                note = rule.action.reason if rule and isinstance(rule.action, Skip) else f"{time.monotonic() - started:.1f} s"
                print(f"  {block.place}: {'FAILED' if problem else note}", flush=True)
            self.end_serving()
        finally:
            if self.serving:
                self.serving.kill()

    def run_block(self, block, action):
        if isinstance(action, Skip):
            return None
        if isinstance(action, Run):
            return self.run_to_its_end(block, action)
        # What serves so far may listen at the same port.
        self.end_serving()
        mark = self.log.tell()
        program = Program(block, block.text, lambda: self.received_since(mark))
        problem = program.wait_until_it_shows(action.shows)
        if isinstance(action, Serve) and not problem:
            self.serving = program
            return None
        return problem or program.interrupt()

    def end_serving(self):
        program, self.serving = self.serving, None
        if program and (problem := program.interrupt()):
            self.problems.append(problem)

    def run_to_its_end(self, block, action):
        lines = [line for line in block.text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        sets_only = all(line.startswith("export ") for line in lines)
        program = Program(block, f"{block.text}\n{READER}" if sets_only else block.text)
        status = program.wait()
        if status is None:
            return program.problem(f"did not end within {LIMIT} s")
        if status != 0:
            return program.problem(f"ended with {status}")
        if sets_only and (complaint := COMPLAINT.search(program.text())):
            return program.problem(f"is not understood: {complaint.group()}")
        return None if program.shows(action.shows) else program.problem(f"did not show {action.shows!r}")

    def received_since(self, mark):
        with open(self.log.name, encoding="utf-8") as file:
            file.seek(mark)
            return file.read()


def check(_documents):
    """Builds what the blocks run, then runs them, isolated if that can be done."""
    for package in (".", EXAMPLE, AGENT, INTEGRATIONS):
        if problems := build(package):
            return problems
    isolation = ["unshare", "--map-root-user", "--net"]
    is_possible = shutil.which("unshare") and shutil.which("ip")
    if is_possible and subprocess.run([*isolation, "ip", "link", "set", "lo", "up"], capture_output=True).returncode == 0:
        start = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        command = [*isolation, *start, sys.executable, "-m", "Tests.documentation_check.shell_blocks"]
        return [] if subprocess.run(command, cwd=ROOT).returncode == 0 else ["shell blocks: see above"]
    print("  without a network namespace: the documents' ports must be free")
    return run_all()


def run_all():
    with tempfile.NamedTemporaryFile(buffering=0) as log:
        servers = []
        for port in (4318, 9090):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver)
            server.log = log
            threading.Thread(target=server.serve_forever, daemon=True).start()
            servers.append(server)
        pages = [Page(document, log) for document in documents() if document.blocks("sh")]
        for page in pages:
            page.run()
        for server in servers:
            server.shutdown()
    used = [rule for page in pages for rule in page.used]
    problems = [problem for page in pages for problem in page.problems]
    problems += [f"no shell block of {rule.document} fits {rule.command!r}" for rule in RULES if rule not in used]
    skipped = sum(rule is not None and isinstance(rule.action, Skip) for rule in used)
    print(f"{len(used)} shell blocks, {skipped} of them not run, {len(problems)} problems")
    return problems


if __name__ == "__main__":
    found = run_all()
    print("\n".join(found))
    sys.exit(1 if found else 0)
