"""Clients that do one thing, beside the load program's many."""
import concurrent.futures, json, socket, urllib.request

from check_support.conditions import wait_for
from check_support.scrape import Scrape

COMPLETIONS = "/v1/chat/completions"
RUNNING, WAITING = "gen_ai_server_requests_running", "gen_ai_server_requests_waiting"


def body(model, prompt, max_tokens):
    message = {"role": "user", "content": prompt}
    return json.dumps({"model": model, "max_tokens": max_tokens, "messages": [message]}).encode()


def counts(server):
    """How many requests run and wait in a server, by its own /metrics."""
    scrape = Scrape(server.metrics())
    return tuple(scrape.sum(name, server_address=None) for name in (RUNNING, WAITING))


class HeldRequests:
    """Requests with a prompt so long that none gets to its first token: as many run and wait as are wanted, and stay so.

    Use it as a context manager: its clients go away with the block.
    """

    def __init__(self, server, model, running, waiting):
        # Four bytes of text make a token.
        request = body(model, "word " * 180_000, 1)
        head = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(request)}\r\n\r\n".encode()
        self.count = running + waiting
        self._sockets = []
        try:
            for _ in range(self.count):
                connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
                self._sockets.append(connection)
                connection.sendall(head + request)
            wait_for(lambda: counts(server) == (running, waiting), 30, f"{running} run and {waiting} wait")
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self._sockets:
            connection.close()


def ask(server, model, max_tokens, **headers):
    """Sends a request and returns the status and the JSON of its answer."""
    url = f"{server.url}{COMPLETIONS}"
    request = urllib.request.Request(url, body(model, "Hello", max_tokens), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, json.load(answer)


def send(server, model, max_tokens):
    """Sends a request and returns the status of its answer, once that is complete."""
    return ask(server, model, max_tokens)[0]


def send_in_background(executor: concurrent.futures.Executor, count, *arguments):
    """Sends several at once; the results are futures of their statuses."""
    return [executor.submit(send, *arguments) for _ in range(count)]
