"""Starts and ends programs: the server, the load, and what else a check needs."""
import os, re, signal, subprocess, threading, time, urllib.request


def environment(**variables):
    """This process's environment, without what would configure the programs by chance, and with `variables`."""
    ours = ("OTEL_", "GENAI_", "OLLAMA_", "SERVER_", "LOAD_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # A proxy has no part in what happens on loopback.
    return {**inherited, "SWIFT_BACKTRACE": "enable=no", "no_proxy": "127.0.0.1,localhost", **variables}


class Program:
    """A running program that keeps what it prints. Use it as a context manager: it ends with the block, however that ends."""

    def __init__(self, command, *announcements, **variables):
        """Returns when the program has printed a line with each of the announcements: patterns, whose matches are kept."""
        self.name = os.path.basename(command[0])
        self.lines = []
        self._changed = threading.Condition()
        self._has_ended = self._is_killed = False
        # In another folder than the package's: nothing may depend on where a program runs.
        self._process = subprocess.Popen(
            command, cwd="/", env=environment(**variables), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.announced = [self._wait_for_line(announcement, 30) for announcement in announcements]
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        try:
            self.stop()
        except AssertionError:
            # What went wrong first says more.
            if failure is None:
                raise

    def _read(self):
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()

    def _wait_for_line(self, pattern, seconds):
        """The first match in what was printed, and in what will be."""
        end, seen = time.monotonic() + seconds, 0
        with self._changed:
            while True:
                for line in self.lines[seen:]:
                    if match := re.search(pattern, line):
                        return match
                seen = len(self.lines)
                if self._has_ended or not self._changed.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"{self.name} did not start: {self.output}")

    @property
    def output(self):
        return "".join(self.lines)

    def terminate(self):
        """Asks it to end, as a service manager does; `stop` waits for that."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def pause(self):
        """Keeps it from doing anything, until `resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self):
        self._process.send_signal(signal.SIGCONT)

    def stop(self):
        """Ends it as a service manager would; a program that needs more, or fails at it, is wrong."""
        if self._is_killed:
            return
        self.terminate()
        try:
            status = self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end at SIGTERM") from None
        self._close()
        if status != 0:
            raise AssertionError(f"{self.name} ended with status {status}: {self.output}")

    def kill(self):
        """Ends it at once, without a chance to do anything."""
        self._is_killed = True
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self):
        self._reader.join(5)
        self._process.stdout.close()


class Server(Program):
    """The built server on loopback. It polls and exports what `variables` say, by themselves nothing."""

    def __init__(self, program, port=0, *options, **variables):
        variables = {"GENAI_ENABLE_OLLAMA_SERVER_METRICS": "false", **variables}
        super().__init__([program, "--port", str(port), *options], r"^Listening on (http://.+:(\d+))$", **variables)
        self.url = self.announced[0][1]
        self.port = int(self.announced[0][2])

    def metrics(self, **headers):
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/metrics", headers=headers), timeout=10) as answer:
            return answer.read().decode()


class Load:
    """The built load program. Use it as a context manager: with the block, its clients go away."""

    def __init__(self, program, url, seconds, rate, *options):
        command = [program, "--url", url, "--duration", str(seconds), "--rate", str(rate), *options]
        self._process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.terminate()
        self._process.communicate()

    def wait(self, seconds):
        """Its summary, once it has ended."""
        summary, _ = self._process.communicate(timeout=seconds)
        if self._process.returncode != 0:
            raise AssertionError(f"the load ended with status {self._process.returncode}: {summary}")
        return summary


def tracked(summary):
    """How many of a load's requests the server must have counted: those for a model that exists."""
    counts = {name: int(count) for name, count in re.findall(r"^  (.+): (\d+)$", summary, re.M)}
    return sum(counts.get(name, 0) for name in ("status 200", "status 429", "hung up"))


def built(folder, *names):
    """The paths of programs that must have been built."""
    paths = [os.path.join(os.path.abspath(folder), name) for name in names]
    for path in paths:
        if not os.access(path, os.X_OK):
            raise AssertionError(f"{path} is not built")
    return paths
