"""Starts and ends the server and the load."""
import os, queue, signal, subprocess, threading, urllib.request


class Server:
    """The built server on loopback. Use it as a context manager."""

    def __init__(self, program, port=0, *options):
        environment = {**os.environ, "SWIFT_BACKTRACE": "enable=no", "GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false"}
        environment["OTEL_METRICS_EXPORTER"] = "none"
        # In another folder than the package's: the page must not depend on where the server runs.
        self._process = subprocess.Popen(
            [program, "--port", str(port), *options], cwd="/", env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self._log = []
        lines = queue.Queue()

        def read_output():
            for line in self._process.stdout:
                lines.put(line)
            lines.put("")

        for target in (read_output, lambda: self._log.extend(self._process.stderr)):
            threading.Thread(target=target, daemon=True).start()
        line = lines.get(timeout=30)
        if not line.startswith("Listening on "):
            raise AssertionError(f"the server did not start: {line}{''.join(self._log)}")
        self.url = line.removeprefix("Listening on ").strip()
        self.port = int(self.url.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends it as a service manager would; a server that needs more is wrong."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            status = self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("the server did not end at SIGTERM") from None
        if status != 0:
            raise AssertionError(f"the server ended with status {status}: {''.join(self._log)}")

    def metrics(self):
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=10) as answer:
            return answer.read().decode()


class Load:
    """The built load program. Use it as a context manager."""

    def __init__(self, program, url, seconds, rate):
        command = [program, "--url", url, "--duration", str(seconds), "--rate", str(rate)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def wait(self, seconds):
        """Its summary, once it has ended."""
        summary, _ = self._process.communicate(timeout=seconds)
        if self._process.returncode != 0:
            raise AssertionError(f"the load ended with status {self._process.returncode}: {summary}")
        return summary
