// Reads the Prometheus text format, and computes with it what PromQL would.

const labelPattern = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const linePattern = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)$/;

function unescape(text) {
  return text.replace(/\\(.)/g, (_, letter) => (letter === "n" ? "\n" : letter));
}

function number(text) {
  if (text === "+Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  return Number(text);
}

/** One answer of /metrics. */
export class Scrape {
  #series = new Map();

  constructor(text) {
    for (const line of text.split("\n")) {
      const match = line.startsWith("#") ? null : linePattern.exec(line);
      if (!match) continue;
      const [, name, labelText, valueText] = match;
      const labels = {};
      for (const [, key, value] of (labelText ?? "").matchAll(labelPattern)) labels[key] = unescape(value);
      if (!this.#series.has(name)) this.#series.set(name, []);
      this.#series.get(name).push({ labels, value: number(valueText) });
    }
  }

  /** All series of a name that a filter lets through: [{labels, value}]. */
  series(name, filter = () => true) {
    return (this.#series.get(name) ?? []).filter(({ labels }) => filter(labels));
  }

  /** The sum of those series; null if there is none. */
  sum(name, filter) {
    const series = this.series(name, filter);
    return series.length === 0 ? null : series.reduce((sum, { value }) => sum + value, 0);
  }

  /** A histogram's cumulative counts by upper bound, summed over its series: [[bound, count]], rising. */
  buckets(name, filter) {
    const counts = new Map();
    for (const { labels, value } of this.series(`${name}_bucket`, filter)) {
      const bound = number(labels.le);
      counts.set(bound, (counts.get(bound) ?? 0) + value);
    }
    return [...counts].sort(([left], [right]) => left - right);
  }
}

/** What was counted between two states of a histogram; the earlier may be null or lack bounds: then it counts as 0. */
export function difference(later, earlier) {
  const before = new Map(earlier ?? []);
  return later.map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]);
}

/** PromQL's histogram_quantile: linear within a bucket, the last finite bound beyond; null for an empty histogram. */
export function quantile(share, buckets) {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return null;
  const rank = share * total;
  const index = buckets.findIndex(([, count]) => count >= rank);
  const [bound, count] = buckets[index];
  const [lowerBound, lowerCount] = index > 0 ? buckets[index - 1] : [0, 0];
  if (bound === Infinity) return lowerBound;
  return lowerBound + ((bound - lowerBound) * (rank - lowerCount)) / (count - lowerCount);
}
