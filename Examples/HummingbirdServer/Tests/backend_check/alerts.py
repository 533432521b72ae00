"""Alerts beside the server: each is seen to fire and to clear. Their conditions are as in docs/, and hold a second."""
import contextlib

from check_support.conditions import check, wait_for, wait_until_equal
from check_support.programs import Load, Server

from . import engines
from .backends import Prometheus

JOB = "llm-server"


def expect(prometheus, alert, by, wanted):
    """Waits until an alert fires for exactly these values of a label."""
    values = {(value,) for value in wanted}
    wait_until_equal(lambda: prometheus.firing(alert, by), values, 40, f"{alert} by {by}")


def check_queue(prometheus, server, load_program):
    alert = "GenAIServerQueueLong"
    expect(prometheus, alert, "job", [])
    with Load(load_program, server.url, 60, 60):
        expect(prometheus, alert, "job", [JOB])
    # The clients have gone, and with them the queue.
    expect(prometheus, alert, "job", [])


def check_engine(prometheus, engine):
    alert = "GenAIServerEngineDown"
    expect(prometheus, alert, "server_port", [])
    engine.stop()
    expect(prometheus, alert, "server_port", [str(engine.port)])
    with engines.llama_cpp(engine.port):
        expect(prometheus, alert, "server_port", [])


def check_errors(server_program, load_program):
    """Clients that hang up are no errors, however many; an engine that fails is."""
    alert = "GenAIServerErrorRatioHigh"
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(Server(server_program, 0, "--queue", "500"))
        prometheus = stack.enter_context(Prometheus([f"127.0.0.1:{server.port}"], alerts_hold="1s"))
        with Load(load_program, server.url, 60, 20, "--hang-ups", "1", "--errors", "0"):
            gone = 'sum(increase(gen_ai_requests_total{error_type="client_gone"}[5m]))'
            wait_for(lambda: prometheus.query(gone).get((), 0) > 30, 40, "thirty clients have hung up")
            is_pending = 'ALERTS{alertname="%s"}' % alert
            check(not prometheus.query(is_pending), f"{alert} because of clients that hang up")
        server.stop()
        with Server(server_program, server.port, "--engine-errors", "1", "--speed", "20") as failing:
            with Load(load_program, failing.url, 60, 20, "--hang-ups", "0"):
                expect(prometheus, alert, "job", [JOB])


def check_absence(prometheus, server, start):
    alert = "GenAIServerMetricsAbsent"
    expect(prometheus, alert, "job", [])
    # Only a service that was there for a while can be missed.
    seconds = 'count_over_time((count by (job) (gen_ai_server_requests_running{server_address=""}))[20s:1s])'
    wait_for(lambda: prometheus.query(seconds).get((), 0) > 14, 30, "the service has reported for fifteen seconds")
    server.stop()
    expect(prometheus, alert, "job", [JOB])
    with start(server.port):
        expect(prometheus, alert, "job", [])


def run(server_program, load_program):
    with contextlib.ExitStack() as stack:
        engine = stack.enter_context(engines.llama_cpp())

        def start(port=0):
            options = ["--concurrency", "2", "--queue", "500", "--speed", "4"]
            return Server(server_program, port, *options, **engines.polling(engine.url))

        server = stack.enter_context(start())
        prometheus = stack.enter_context(Prometheus([f"127.0.0.1:{server.port}"], alerts_hold="1s"))
        prometheus.expect(f'count by (job) (up{{job="{JOB}"}})', ("job",), {(JOB,): 1})
        check_queue(prometheus, server, load_program)
        print("  the queue's alert fired and cleared")
        check_engine(prometheus, engine)
        print("  the engine's alert fired and cleared")
        check_absence(prometheus, server, start)
        print("  the alert on absent metrics fired and cleared")
        prometheus.check_silence()
    check_errors(server_program, load_program)
    print("  the alert on errors is silent about clients that hang up, and fires for an engine that fails")
