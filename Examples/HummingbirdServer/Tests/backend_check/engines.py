"""What the server has beside it: what vLLM, llama.cpp and Ollama answer, on loopback, and two GPUs."""
import contextlib, http.server, json, os, tempfile, threading

from check_support.programs import Program

# The agent's, whose counters advance.
MACHINE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 3, "Agent/Tests/machine/fake-machine"))
LLAMA_CPP = """\
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 3
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 1
"""
# Not four, which is the default: those share one cache, and say nothing of how full it is.
SLOTS = [{"id": slot, "n_ctx": 4096, "is_processing": slot < 3, "n_prompt_tokens": 1024} for slot in range(6)]
LOADED = [{"name": "qwen:7b", "model": "qwen:7b", "size": 6442450944, "size_vram": 6442450944}]


class Engine:
    """Answers requests for the given paths. Use it as a context manager."""

    def __init__(self, pages, port=0):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self):
                body = pages.get(self.path)
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
                data = (body if isinstance(body, str) else json.dumps(body)).encode()
                self.send_header("Content-Length", str(len(data)))
                # A connection that is kept would outlive an engine that is stopped.
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        # A server that is ended in the middle of a poll leaves its connection.
        self._server.handle_error = lambda *_: None
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """From then on its port refuses connections."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def machine():
    """A busy vLLM, and a folder with the driver of two GPUs."""
    with tempfile.TemporaryDirectory(prefix="backend-check-") as folder:
        with Program([MACHINE, "--vllm=0", f"--gpus={folder}"], r"^vllm (http://\S+)$") as program:
            yield program.announced[0][1], folder
            program.kill()


def llama_cpp(port=0):
    return Engine({"/metrics": LLAMA_CPP, "/slots": SLOTS, "/v1/models": {"data": [{"id": "gemma-2-9b"}]}}, port)


def ollama():
    return Engine({"/api/ps": {"models": LOADED}})


def polling(*urls, every=0.25):
    """The variables that make a server poll engines."""
    return {
        "GENAI_SERVER_METRICS_TARGETS": ",".join(urls),
        "GENAI_SERVER_METRICS_INTERVAL": str(every),
    }


def polling_ollama(engine, every=0.25):
    """The variables that make a server poll an Ollama on GPUs with 24 GiB."""
    return {
        "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "true", "OLLAMA_BASE_URL": engine.url,
        "GENAI_OLLAMA_METRICS_INTERVAL": str(every), "GENAI_OLLAMA_MAX_VRAM_GB": "24",
    }


def reading_gpus(folder, every=0.25):
    """The variables that make a server read the GPUs of a driver in a folder."""
    return {"LD_LIBRARY_PATH": folder, "GENAI_GPU_COLLECTION_INTERVAL": str(every)}
