// Remembers what was scraped, and derives from it what is shown.

import { difference, quantile } from "./prometheus.js";

const rateWindow = 10;
const quantileWindow = 60;
const ttft = "gen_ai_server_time_to_first_token_seconds";
const timePerToken = "gen_ai_server_time_per_output_token_seconds";
const requests = "gen_ai_requests_total";

// What the server says of itself has no `engine`; what it polls (Ollama, vLLM, ...) has one.
const isOwn = (labels) => labels.engine === undefined;
const hasFailed = (labels) => labels.error_type !== undefined;

/** The counts of one scrape from which rates and quantiles are made. */
function counts(scrape, filter = () => true) {
  return {
    total: scrape.sum(requests, filter) ?? 0,
    failed: scrape.sum(requests, (labels) => hasFailed(labels) && filter(labels)) ?? 0,
    ttft: scrape.buckets(ttft, filter),
    timePerToken: scrape.buckets(timePerToken, filter),
  };
}

/** How many requests failed, by type of error. */
function failures(scrape) {
  const byType = new Map();
  for (const { labels, value } of scrape.series(requests, hasFailed)) {
    byType.set(labels.error_type, (byType.get(labels.error_type) ?? 0) + value);
  }
  return byType;
}

/** The times of the requests that two scrapes lie apart. */
function times(later, earlier) {
  const first = difference(later.ttft, earlier?.ttft);
  return {
    p50: quantile(0.5, first),
    p95: quantile(0.95, first),
    perToken: quantile(0.5, difference(later.timePerToken, earlier?.timePerToken)),
  };
}

export class History {
  /** Points of the charts: {time, at, running, ...}; a gap has only its time. */
  points = [];
  #samples = [];
  #keptSeconds;

  constructor(keptSeconds) {
    this.#keptSeconds = keptSeconds;
  }

  /** Notes that nothing could be read. Rates do not reach across: what happened meanwhile is not known. */
  addGap(time) {
    this.#samples = [];
    this.#addPoint({ time });
  }

  /** Takes a scrape in and returns what it says. Times are in seconds, on a clock that only rises. */
  add(time, number, scrape) {
    const sample = { time, number, all: counts(scrape), failures: failures(scrape), models: this.#modelCounts(scrape) };
    // A counter that has fallen: the server was started anew between two scrapes.
    if (this.#samples.at(-1)?.all.total > sample.all.total) this.#samples = [];
    this.#samples.push(sample);
    this.#samples = this.#samples.filter(({ time: then }) => time - then <= quantileWindow);

    const state = {
      time,
      running: scrape.sum("gen_ai_server_requests_running", isOwn),
      waiting: scrape.sum("gen_ai_server_requests_waiting", isOwn),
      max: scrape.sum("gen_ai_server_requests_max", isOwn),
      total: sample.all.total,
      ...this.#rates(sample),
      ...this.#lastMinute(sample),
      models: this.#models(scrape, sample),
    };
    state.kv = Object.fromEntries(state.models.map(({ name, kvCacheUsage }) => [name, kvCacheUsage]));
    this.#addPoint(state);
    return state;
  }

  #rates(sample) {
    const base = this.#samples.find(({ time }) => sample.time - time <= rateWindow);
    const seconds = sample.time - base.time;
    if (seconds === 0) return { rate: null, failedRate: null, rateSince: base.number, rateSeconds: 0 };
    return {
      rate: (sample.all.total - base.all.total) / seconds,
      failedRate: (sample.all.failed - base.all.failed) / seconds,
      rateSince: base.number,
      rateSeconds: seconds,
    };
  }

  #lastMinute(sample) {
    const base = this.#samples[0];
    const ended = sample.all.total - base.all.total;
    const failed = sample.all.failed - base.all.failed;
    return {
      since: base.number,
      failedShare: ended > 0 ? (failed / ended) * 100 : null,
      failures: Object.fromEntries(
        [...sample.failures]
          .map(([type, count]) => [type, count - (base.failures.get(type) ?? 0)])
          .filter(([, count]) => count > 0),
      ),
      ...times(sample.all, base.all),
    };
  }

  #modelCounts(scrape) {
    const names = new Set(scrape.series(requests).map(({ labels }) => labels.gen_ai_request_model));
    return new Map([...names].map((name) => [name, counts(scrape, (labels) => labels.gen_ai_request_model === name)]));
  }

  #models(scrape, sample) {
    const byName = new Map();
    for (const { labels, value } of scrape.series("gen_ai_server_kv_cache_usage")) {
      const name = isOwn(labels) ? labels.model : `${labels.model} (${labels.engine})`;
      byName.set(name, { name, kvCacheUsage: value });
    }
    for (const [name, now] of sample.models) {
      const model = byName.get(name) ?? { name, kvCacheUsage: null };
      byName.set(name, { ...model, ...now, ...times(now, this.#samples[0].models.get(name)) });
    }
    return [...byName.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  #addPoint(point) {
    // A new list: the charts keep theirs until they are given another.
    const isKept = ({ time }) => point.time - time <= this.#keptSeconds;
    this.points = [...this.points.filter(isKept), { at: Date.now(), ...point }];
  }
}
