"""Reads the Prometheus text format."""
import re


class Scrape:
    """One answer of /metrics."""

    def __init__(self, text):
        self.series = []
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
            self.series.append((name, dict(pairs), float(value)))

    def find(self, name, **labels):
        """Labels and values of the series of a name; a label that must be absent is None."""
        return [(found, value) for series, found, value in self.series
                if series == name and all(found.get(key) == wanted for key, wanted in labels.items())]

    def sum(self, name, **labels):
        return sum(value for _, value in self.find(name, **labels))

    def values(self, name, *by, **labels):
        """Sums by the values of some labels, where an absent one is empty: what `sum by (...)` gives in PromQL."""
        sums = {}
        for found, value in self.find(name, **labels):
            key = tuple(found.get(label, "") for label in by)
            sums[key] = sums.get(key, 0) + value
        return sums
