"""The Grafana dashboard, fed by the server under load: scraped by one Prometheus, and exporting OTLP to another."""
import contextlib, os, secrets, subprocess, sys

from check_support.conditions import check, wait_for
from check_support.programs import Load, Server
from check_support.scrape import Scrape

from . import engines
from .backends import DASHBOARD, DOCS, Prometheus
from .clients import ask, counts

OUR_CHECK = os.path.join(os.path.dirname(DOCS), "Tests/dashboard-check")
REQUESTS, LABELS = "gen_ai_requests_total", ("gen_ai_request_model", "error_type", "tenant")
TOKENS = "sum by (gen_ai_token_type) (gen_ai_server_tokens_total{server_address=\"\"})"
# Everything that a panel needs has been measured, and twice: a rate needs two values.
IS_COMPLETE = [
    (2, "count(sum by (gen_ai_request_model) (rate(gen_ai_server_time_per_output_token_seconds_count[1m])) > 0)"),
    # What clients that hang up leave, and what the full queue turns away.
    (2, 'count(sum by (error_type) (rate(gen_ai_requests_total{error_type!=""}[1m])))'),
    (2, 'count(sum by (gen_ai_token_type) (rate(gen_ai_server_tokens_total{server_address=""}[1m])) > 0)'),
    (2, 'count(sum by (tenant) (rate(gen_ai_requests_total{tenant!=""}[1m])) > 0)'),
    (1, 'count(sum(rate(gen_ai_server_prefix_cache_hits_total{server_address=""}[1m])) > 0)'),
    (1, 'count(sum(rate(gen_ai_server_requests_good_total{gen_ai_server_objective="interactive"}[1m])) > 0)'),
    (1, 'count(sum(rate(gen_ai_server_request_queue_time_seconds_count{server_address=""}[1m])) > 0)'),
    # A rate knows the first of the good requests, whose series begin at 0, but not with what a series of all requests
    # begins. So just after a start goodput is too large, and may leave its axis. The full queue keeps it below.
    (2, "count(sum by (gen_ai_request_model) (rate(gen_ai_server_requests_good_total[1m])) / sum by (gen_ai_request_model) "
        '(rate(gen_ai_requests_total{server_address="", error_type!="client_gone"}[1m])) < 0.9)'),
    # Of what the engine counts, and of the GPUs.
    (2, 'count(sum by (gen_ai_token_type) (rate(gen_ai_server_tokens_total{server_address!=""}[1m])) > 0)'),
    (1, 'count(sum(rate(gen_ai_server_request_queue_time_seconds_count{server_address!=""}[1m])) > 0)'),
    (1, 'count(sum(rate({__name__=~"hw_energy|hw_energy_total|hw_energy_joules|hw_energy_joules_total"}[1m])) > 0)'),
    (3, "count(gen_ai_server_up == 1)"),
    (1, "count(gen_ai_server_models_loaded)"),
    (1, 'count(gen_ai_server_requests_max{engine="llama.cpp"})'),
    (2, 'count(gen_ai_server_requests_waiting{server_address!=""})'),
    (3, 'count(count by (engine) ({__name__=~"gen_ai_server_kv_cache_usage(_percent)?", server_address!=""}))'),
]


def run_check(command):
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    check(result.returncode == 0 and " 0 problems" in result.stdout, f"{command}: {result.stdout}{result.stderr}")
    return result.stdout.strip().splitlines()[-1]


def check_dashboard(prometheus, way):
    """Every variable and every query of the dashboard finds data."""
    for value, expression in IS_COMPLETE:
        wait_for(lambda: prometheus.query(expression).get((), 0) >= value, 30, f"{way}, {value}: {expression}")
    ours = [sys.executable, OUR_CHECK, "--complete", prometheus.url]
    print(f"  {way}, dashboard-check: {run_check(ours)}")
    if other := os.environ.get("DASHBOARD_CHECK"):
        python = os.environ.get("DASHBOARD_CHECK_PYTHON") or sys.executable
        print(f"  {way}, DASHBOARD_CHECK: {run_check([python, other, DASHBOARD, prometheus.url])}")
    else:
        print(f"  {way}, DASHBOARD_CHECK: skipped, not set")


def run(server_program, load_program):
    with contextlib.ExitStack() as stack:
        llama_cpp, ollama = stack.enter_context(engines.llama_cpp()), stack.enter_context(engines.ollama())
        vllm, drivers = stack.enter_context(engines.machine())
        pushed = stack.enter_context(Prometheus())
        server = stack.enter_context(Server(
            server_program, 0, "--concurrency", "8", "--queue", "4", "--speed", "2",
            OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=pushed.otlp_endpoint, OTEL_METRIC_EXPORT_INTERVAL="500",
            **engines.polling(llama_cpp.url, vllm), **engines.polling_ollama(ollama), **engines.reading_gpus(drivers),
        ))
        scraped = stack.enter_context(Prometheus(targets=[f"127.0.0.1:{server.port}"]))
        load = stack.enter_context(Load(load_program, server.url, 15, 20, "--hang-ups", "0.4"))
        for prometheus, way in ((scraped, "scraped"), (pushed, "pushed")):
            check_dashboard(prometheus, way)
        load.wait(90)
        wait_for(lambda: counts(server) == (0, 0), 30, "nothing runs or waits")
        check_counts(server, (scraped, pushed))
        check_request(server, scraped, pushed)


def check_counts(server, backends):
    """Once all is quiet, /metrics and both backends agree about the server's own requests."""
    ended = Scrape(server.metrics()).values(REQUESTS, *LABELS, server_address=None)
    for prometheus in backends:
        prometheus.expect(f"sum by ({', '.join(LABELS)}) ({REQUESTS}{{server_address=''}})", LABELS, ended)
        prometheus.check_silence()
    gone = sum(count for (_, error, _), count in ended.items() if error == "client_gone")
    failed = sum(count for (_, error, _), count in ended.items() if error) - gone
    print(f"  {sum(ended.values()):.0f} requests, {failed:.0f} of them failed, {gone:.0f} clients gone: the same in both")


def check_request(server, scraped, pushed):
    """One request more: its usage is what the token counters rise by, and its trace is found by its time to first token."""
    before = Scrape(server.metrics()).values("gen_ai_server_tokens_total", "gen_ai_token_type", server_address=None)
    trace = secrets.token_hex(16)
    _, answer = ask(server, "llama-3.1-8b", 7, traceparent=f"00-{trace}-{secrets.token_hex(8)}-01")
    wanted = {("input",): before[("input",)] + answer["usage"]["prompt_tokens"],
              ("output",): before[("output",)] + answer["usage"]["completion_tokens"]}
    for prometheus in (scraped, pushed):
        prometheus.expect(TOKENS, ("gen_ai_token_type",), wanted)
        prometheus.check_silence()
    wait_for(lambda: trace in pushed.traces("gen_ai_server_time_to_first_token_seconds_bucket"), 30, f"the trace {trace}")
    check(trace in server.metrics(Accept="application/openmetrics-text"), f"no trace {trace} in OpenMetrics")
    check(trace not in server.metrics(), "an exemplar in the text that has none")
    print("  a request's usage is in the counters of both, and its trace among the exemplars")
