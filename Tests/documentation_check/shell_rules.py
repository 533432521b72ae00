"""What is to happen to those shell blocks that are not simply run to their end."""
import os, re
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """Run to its end, with status 0, and show this (a regular expression) if anything is named here."""

    shows: str = ""


@dataclass(frozen=True)
class Watch:
    """Started; ended as Ctrl-C ends it, with status 0, once it has shown this."""

    shows: str


@dataclass(frozen=True)
class Serve:
    """As `Watch`, but it goes on while the page's later blocks are run, until one of them starts something like it."""

    shows: str


@dataclass(frozen=True)
class Skip:
    """Not run, for a reason."""

    reason: str


@dataclass(frozen=True)
class Rule:
    document: str
    command: str
    action: Run | Watch | Serve | Skip


EXAMPLE = "Examples/HummingbirdServer/README.md"
BY_HAND = Skip("long; run by hand, its figures stand beside it")
JUST_RUN = Skip("TESTS_HAVE_RUN says that it has just been run")
TESTED = Run("Test run with [0-9]+ tests.* passed")
LISTENING = r"Listening on http://127\.0\.0\.1:8080"


def tests():
    return JUST_RUN if os.environ.get("TESTS_HAVE_RUN") else TESTED


# The first rule whose command (a regular expression) is found in a block decides. A rule that fits no block is an error.
RULES = [
    Rule("docs/benchmarks.md", "Benchmarks|Tests/cost", BY_HAND),
    Rule("docs/reliability.md", "--sanitize=|Tests/fuzz|Benchmarks", BY_HAND),
    Rule("docs/contributing.md", r"^\.ci/run", Skip("it runs this script")),
    Rule("docs/contributing.md", "--sanitize=|Tests/fuzz|Benchmarks", BY_HAND),
    Rule("README.md", "^swift run server-metrics-example", Watch(r"gen_ai\.server\.kv_cache\.usage")),
    Rule("README.md", "^swift test", tests()),
    Rule("README.md", "^swift run --package-path Examples/HummingbirdServer", Watch(LISTENING)),
    # The receiver's own line: something has arrived there.
    Rule("docs/getting-started.md", "OTLP_ENDPOINT=.* swift run server-metrics-example", Watch("received POST /v1/metrics")),
    Rule("docs/getting-started.md", "swift run server-metrics-example", Watch(r"gen_ai\.server\.kv_cache\.usage")),
    Rule("README.md", "genai-agent watch$", Watch("No server to see here yet")),
    Rule("README.md", "genai-agent run", Watch(r"Listening on http://127\.0\.0\.1:9464")),
    Rule("docs/agent.md", "genai-agent watch --once", Run("No server to see here yet")),
    Rule("docs/agent.md", "completion-script", Run("_genai-agent")),
    Rule("docs/integrations.md", "swift test --package-path", tests()),
    Rule("docs/ollama.md", "swift run ollama-example", Watch("Looking at Ollama every 3 seconds")),
    Rule(EXAMPLE, "OTEL_EXPORTER_OTLP_ENDPOINT=", Serve("received POST /v1/metrics")),
    Rule(EXAMPLE, "^swift run --package-path Examples/HummingbirdServer$", Serve(LISTENING)),
    Rule(EXAMPLE, "HummingbirdServer load", Run(r"status 200: [0-9]")),
    Rule(EXAMPLE, "/v1/models", Run('"llama-3.1-8b"')),
    Rule(EXAMPLE, '"max_tokens": 20', Run('"finish_reason"')),
    Rule(EXAMPLE, "curl -N", Run(r"data: \[DONE\]")),
    Rule(EXAMPLE, "/metrics", Run("gen_ai_requests_total")),
    Rule(EXAMPLE, "swift test --package-path", tests()),
    Rule(EXAMPLE, "Tests/page-check", JUST_RUN if os.environ.get("TESTS_HAVE_RUN") else Run("The page is right")),
]


def rule_for(block):
    fitting = (rule for rule in RULES if rule.document == block.path and re.search(rule.command, block.text, re.M))
    return next(fitting, None)
