"""A real Prometheus and a real Collector, with the files that users copy from docs/."""
import json, os, re, shutil, tempfile, time, urllib.parse, urllib.request

from check_support.conditions import check, wait_until_equal
from check_support.programs import Program

DOCS = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), *[".."] * 4, "docs"))
DASHBOARD = os.path.join(DOCS, "grafana/server-metrics.json")


def document(path):
    with open(os.path.join(DOCS, path), encoding="utf-8") as file:
        return file.read()


class Prometheus(Program):
    """A Prometheus with one of the documented configurations and the documented rules. It keeps its data until it ends.

    It scrapes and evaluates twice a second instead of every fifteen seconds; nothing else of the files is changed unless
    it is asked for.
    """

    def __init__(self, targets=(), alerts_hold="", lookback=""):
        """
        targets: the addresses that it scrapes. Without, it takes OTLP.
        alerts_hold: how long an alert's condition must hold, if not as long as the file says; then hours are seconds, too.
        lookback: how long a value counts that nothing followed, if not the usual five minutes.
        """
        configuration = document(f"prometheus/prometheus-{'scrape' if targets else 'otlp'}.yml")
        configuration = re.sub(r"(_interval: )15s", r"\g<1>500ms", configuration)
        if targets:
            listed = "".join(f"    - {target}\n" for target in targets)
            configuration = re.sub(r"(?:    - server-\d\.internal:8080\n)+", listed, configuration)
        alerts = document("prometheus/alerts.yml")
        if alerts_hold:
            alerts = re.sub(r"(?m)^( +for: ).+$", rf"\g<1>{alerts_hold}", alerts)
            # Six hours, of which a service has reported for five, are twenty seconds and ten.
            alerts = alerts.replace("[6h:1m]) > 300", "[20s:1s]) > 10")
        self._folder = tempfile.mkdtemp(prefix="backend-check-")
        try:
            files = {
                "prometheus.yml": configuration, "alerts.yml": alerts,
                "recording-rules.yml": document("prometheus/recording-rules.yml"),
            }
            for name, text in files.items():
                with open(os.path.join(self._folder, name), "w", encoding="utf-8") as file:
                    file.write(text)
            command = [
                os.environ["PROMETHEUS"], f"--config.file={self._folder}/prometheus.yml",
                f"--storage.tsdb.path={self._folder}/data", "--web.listen-address=127.0.0.1:0",
            ]
            # Exemplars come over OTLP: each once, where a page that is scraped has the newest of each bucket every time.
            command += [] if targets else ["--web.enable-otlp-receiver", "--enable-feature=exemplar-storage"]
            command += [f"--query.lookback-delta={lookback}"] if lookback else []
            super().__init__(command, r'msg="Listening on".* address=(127\.0\.0\.1:\d+)', r'msg="Server is ready')
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.url = f"http://{self.announced[0][1]}"

    def __exit__(self, *failure):
        try:
            super().__exit__(*failure)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def otlp_endpoint(self):
        return f"{self.url}/api/v1/otlp/v1/metrics"

    def _get(self, path, **parameters):
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression, *by):
        """The values that an expression has now, by the values of some labels."""
        return {tuple(series["metric"].get(label, "") for label in by): float(series["value"][1])
                for series in self._get("query", query=expression)["result"]}

    def query_range(self, expression, start, end, *by):
        """The values at each half second, between two times in seconds since 1970; None where there is none."""
        times = [start + 0.5 * step for step in range(int((end - start) / 0.5) + 1)]
        found = {}
        for series in self._get("query_range", query=expression, start=start, end=end, step=0.5)["result"]:
            values = {round(time, 3): float(value) for time, value in series["values"]}
            key = tuple(series["metric"].get(label, "") for label in by)
            found[key] = [values.get(round(time, 3)) for time in times]
        return found

    def expect(self, expression, by, wanted, seconds=30):
        """Waits until an expression has these values."""
        wait_until_equal(lambda: self.query(expression, *by), wanted, seconds, expression)

    def traces(self, name):
        """The traces that a metric's exemplars of the last hour lead to."""
        now = time.time()
        found = self._get("query_exemplars", query=name, start=now - 3600, end=now + 60)
        return {exemplar["labels"].get("trace_id") for series in found for exemplar in series["exemplars"]}

    def firing(self, alert, *by):
        """The values of labels for which an alert fires."""
        return set(self.query(f'ALERTS{{alertname="{alert}", alertstate="firing"}}', *by))

    def check_silence(self):
        """That it had nothing to complain about."""
        complaints = [line for line in self.lines if re.search(r"level=(WARN|ERROR)", line)]
        check(not complaints, f"Prometheus complains: {complaints}")


class Gateway(Program):
    """A Collector with the documented configuration of a gateway."""

    def __init__(self, destination):
        super().__init__(
            [os.environ["OTELCOL"], "--config", f"file:{DOCS}/collector/gateway.yml"],
            r'Starting HTTP server.*"endpoint": "(127\.0\.0\.1:\d+)"',
            PROMETHEUS_OTLP_ENDPOINT=destination, OTLP_LISTEN="127.0.0.1:0", METRICS_HOST="127.0.0.1", METRICS_PORT="0",
        )
        self.url = f"http://{self.announced[0][1]}"

    def check_silence(self):
        complaints = [line for line in self.lines if re.search(r"\t(warn|error)\t", line)]
        check(not complaints, f"the Collector complains: {complaints}")
