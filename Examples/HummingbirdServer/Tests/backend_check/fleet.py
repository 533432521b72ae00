"""Three servers behind one Collector into one Prometheus: the sums are right, also when one dies and one ends."""
import concurrent.futures, contextlib, time

from check_support.conditions import check, wait_for
from check_support.programs import Load, Server, tracked
from check_support.scrape import Scrape

from .backends import Gateway, Prometheus
from .clients import RUNNING, WAITING, HeldRequests, counts, send_in_background

MAXIMUM, CACHE, REQUESTS = "gen_ai_server_requests_max", "gen_ai_server_kv_cache_usage", "gen_ai_requests_total"
MODEL, ERROR = "gen_ai_request_model", "error_type"
# The second has room for prompts that take it minutes.
QUICK, PATIENT = "llama-3.1-8b", "qwen2.5-32b"
MODELS = f"{QUICK}=256/60,{PATIENT}=262144/28"
# A name each, as docs/deployment.md has it; without one, a process makes its own.
NAMES = ["service.instance.id=llm-server-1", "service.instance.id=llm-server-2", ""]
CONCURRENCY = [2, 3, 4]


def instance(server):
    """What a server says of itself that becomes the label `instance`."""
    (labels, _), = Scrape(server.metrics()).find("target_info")
    return labels["service_instance_id"]


def expect_sums(prometheus, servers):
    """What Prometheus has of all is what the servers say themselves, added up; and each is told apart."""
    scrapes = {instance(server): Scrape(server.metrics()) for server in servers}
    check(len(scrapes) == len(servers), f"two servers call themselves the same: {list(scrapes)}")

    def summed(name, *by, **labels):
        total = {}
        for scrape in scrapes.values():
            for key, value in scrape.values(name, *by, **labels).items():
                total[key] = total.get(key, 0) + value
        return total

    for name in (RUNNING, WAITING, MAXIMUM):
        prometheus.expect(f"sum({name})", (), summed(name))
        prometheus.expect(name, ("instance",), {(own,): scrape.sum(name) for own, scrape in scrapes.items()})
    for labels in ((MODEL, ERROR), (MODEL,), ()):
        prometheus.expect(f"sum by ({', '.join(labels)}) ({REQUESTS})", labels, summed(REQUESTS, *labels))
    prometheus.expect("sum by (gen_ai_token_type) (gen_ai_server_tokens_total)", ("gen_ai_token_type",),
                      summed("gen_ai_server_tokens_total", "gen_ai_token_type"))
    for name in ("prefix_cache_queries", "prefix_cache_hits", "requests_good"):
        name = f"gen_ai_server_{name}_total"
        prometheus.expect(f"sum by ({MODEL}) ({name})", (MODEL,), summed(name, MODEL))
    for histogram in ("request_duration", "request_queue_time", "time_to_first_token", "time_per_output_token"):
        name = f"gen_ai_server_{histogram}_seconds_count"
        prometheus.expect(f"sum by ({MODEL}) ({name})", (MODEL,), summed(name, MODEL))
    fullest = {(model,): max(scrape.sum(CACHE, model=model) for scrape in scrapes.values()) for model in (QUICK, PATIENT)}
    prometheus.expect(f"max by (model) ({CACHE}_percent)", ("model",), fullest)
    return summed(REQUESTS)[()]


def send_loads(load_program, servers):
    """Loads all servers at once, each in its own way, until all is quiet."""
    with contextlib.ExitStack() as stack:
        loads = [
            # Who hangs up may never have reached a server that is busy: then the counts could not be compared.
            stack.enter_context(
                Load(load_program, server.url, 6, 3 + number, "--seed", str(number), "--hang-ups", "0")
            )
            for number, server in enumerate(servers)
        ]
        sent = [tracked(load.wait(90)) for load in loads]
    for server, count in zip(servers, sent):
        wait_for(lambda: counts(server) == (0, 0), 30, "nothing runs or waits")
        total = Scrape(server.metrics()).sum(REQUESTS)
        check(total == count, f"{total} requests counted, {count} sent")


def check_kill(prometheus, dead, others):
    """One server dies without a word: the others' series do not notice, and the sums are theirs once its own are stale."""
    wanted = {
        name: {(instance(server),): Scrape(server.metrics()).sum(name) for server in others}
        for name in (RUNNING, WAITING, REQUESTS)
    }
    start = round(time.time(), 3)
    dead.kill()
    expect_sums(prometheus, others)
    for name, values in wanted.items():
        history = prometheus.query_range(f"sum by (instance) ({name})", start, time.time(), "instance")
        for own, value in values.items():
            check(len(history[own]) > 1 and set(history[own]) == {value}, f"{name} of {own} was {history[own]} and not always {value}")


def check_end(prometheus, ending, other):
    """One server is asked to end while it is busy: it serves what it has, and its last values arrive."""
    name = instance(ending)
    before = Scrape(ending.metrics()).sum(REQUESTS)
    count = CONCURRENCY[0] + 1
    with concurrent.futures.ThreadPoolExecutor() as executor:
        answers = send_in_background(executor, count, ending, PATIENT, 100)
        wait_for(lambda: counts(ending) == (count - 1, 1), 30, "a request waits for others")
        ending.terminate()
        statuses = [answer.result() for answer in answers]
    check(statuses == [200] * count, f"the requests before the end were answered with {statuses}")
    ending.stop()
    selector = f'{{instance="{name}"}}[5m]'
    prometheus.expect(f"sum(last_over_time({REQUESTS}{selector}))", (), {(): before + count})
    for gauge in (RUNNING, WAITING):
        prometheus.expect(f"last_over_time({gauge}{selector})", (), {(): 0})
    expect_sums(prometheus, [other])
    return count


def run(server_program, load_program):
    with contextlib.ExitStack() as stack:
        prometheus = stack.enter_context(Prometheus(lookback="5s"))
        gateway = stack.enter_context(Gateway(prometheus.otlp_endpoint))
        first, second, third = servers = [
            stack.enter_context(Server(
                server_program, 0, "--models", MODELS, "--concurrency", str(concurrency), "--speed", "2",
                OTEL_EXPORTER_OTLP_ENDPOINT=gateway.url, OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
                OTEL_METRIC_EXPORT_INTERVAL="500", OTEL_RESOURCE_ATTRIBUTES=name,
            ))
            for name, concurrency in zip(NAMES, CONCURRENCY)
        ]
        send_loads(load_program, servers)
        print(f"  three servers, {expect_sums(prometheus, servers):.0f} requests: sums are right at rest")
        with contextlib.ExitStack() as clients:
            for number, (server, running) in enumerate(zip(servers, CONCURRENCY)):
                clients.enter_context(HeldRequests(server, PATIENT, running, number + 1))
            expect_sums(prometheus, servers)
            print(f"  {sum(CONCURRENCY)} requests run and 6 wait: sums are right")
            check_kill(prometheus, second, [first, third])
            print("  one was killed: the other two are right throughout, sums are theirs")
        for server in (first, third):
            wait_for(lambda: counts(server) == (0, 0), 30, "nothing runs or waits")
        count = check_end(prometheus, first, third)
        print(f"  one was ended while {count} requests were open: they were answered, and all that it served is there")
        prometheus.check_silence()
        gateway.check_silence()
