// Remembers what was scraped, and derives from it what is shown.

import { difference, quantile } from "./prometheus.js";

const rateWindow = 10;
const quantileWindow = 60;
const ttft = "gen_ai_server_time_to_first_token_seconds";
const timePerToken = "gen_ai_server_time_per_output_token_seconds";
const requests = "gen_ai_requests_total";
const goodRequests = "gen_ai_server_requests_good_total";
const tokens = "gen_ai_server_tokens_total";

// What the server says of itself. What it polls (Ollama, vLLM, ...) has an engine or an address.
const isOwn = ({ engine, server_address: address }) => engine === undefined && address === undefined;
const hasHungUp = ({ error_type: type }) => type === "client_gone";
const hasFailed = (labels) => labels.error_type !== undefined && !hasHungUp(labels);

const nothing = { total: 0, gone: 0, failed: 0, output: 0, input: 0, ttft: [], timePerToken: [] };

/** The counts of one scrape from which rates, shares and quantiles are made. */
function counts(scrape, filter = () => true) {
  const sum = (name, isWanted = () => true) =>
    scrape.sum(name, (labels) => isOwn(labels) && filter(labels) && isWanted(labels)) ?? 0;
  return {
    total: sum(requests),
    gone: sum(requests, hasHungUp),
    failed: sum(requests, hasFailed),
    output: sum(tokens, ({ gen_ai_token_type: type }) => type === "output"),
    input: sum(tokens, ({ gen_ai_token_type: type }) => type === "input"),
    ttft: scrape.buckets(ttft, (labels) => isOwn(labels) && filter(labels)),
    timePerToken: scrape.buckets(timePerToken, (labels) => isOwn(labels) && filter(labels)),
  };
}

/** How many requests did not end well, by type of error. */
function failures(scrape) {
  const byType = new Map();
  for (const { labels, value } of scrape.series(requests, (labels) => isOwn(labels) && labels.error_type !== undefined)) {
    byType.set(labels.error_type, (byType.get(labels.error_type) ?? 0) + value);
  }
  return byType;
}

/** How many requests were good ones: for each objective, by model. */
function good(scrape) {
  const byObjective = new Map();
  for (const { labels, value } of scrape.series(goodRequests, isOwn)) {
    const name = labels.gen_ai_server_objective;
    if (!byObjective.has(name)) byObjective.set(name, new Map());
    byObjective.get(name).set(labels.gen_ai_request_model, value);
  }
  return byObjective;
}

/** The times of the requests that two scrapes lie apart. */
function times(later, earlier) {
  const first = difference(later.ttft, earlier.ttft);
  return {
    p50: quantile(0.5, first),
    p95: quantile(0.95, first),
    perToken: quantile(0.5, difference(later.timePerToken, earlier.timePerToken)),
  };
}

/** What happened per second between two scrapes; null where no time lies between them. */
function rates(later, earlier, seconds) {
  const rate = (name) => (seconds > 0 ? (later[name] - earlier[name]) / seconds : null);
  return {
    rate: rate("total"),
    failedRate: rate("failed"),
    goneRate: rate("gone"),
    outputRate: rate("output"),
    inputRate: rate("input"),
  };
}

/**
 * For each objective, of the requests that two samples lie apart and whose client stayed, the share that met it, in percent;
 * null where there was none. An objective counts for the models that it has a series of.
 */
function goodputs(later, earlier, isWanted = () => true) {
  const ended = (model) => {
    const [now, then] = [later, earlier].map(({ models }) => models.get(model) ?? nothing);
    return now.total - now.gone - (then.total - then.gone);
  };
  return [...later.good].map(([objective, models]) => {
    const before = earlier.good.get(objective);
    let met = 0;
    let all = 0;
    for (const [model, count] of [...models].filter(([name]) => isWanted(name))) {
      met += count - (before?.get(model) ?? 0);
      all += ended(model);
    }
    return { objective, share: all > 0 ? (met / all) * 100 : null };
  });
}

/** The objective that is met least. */
function least(objectives) {
  const known = objectives.filter(({ share }) => share !== null);
  return known.sort((left, right) => left.share - right.share)[0] ?? { objective: null, share: null };
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
    const sample = {
      time,
      number,
      all: counts(scrape),
      failures: failures(scrape),
      good: good(scrape),
      models: this.#modelCounts(scrape),
    };
    // A counter that has fallen: the server was started anew between two scrapes.
    if (this.#samples.at(-1)?.all.total > sample.all.total) this.#samples = [];
    this.#samples.push(sample);
    this.#samples = this.#samples.filter(({ time: then }) => time - then <= quantileWindow);

    const rateBase = this.#samples.find(({ time: then }) => time - then <= rateWindow);
    const state = {
      time,
      running: scrape.sum("gen_ai_server_requests_running", isOwn),
      waiting: scrape.sum("gen_ai_server_requests_waiting", isOwn),
      max: scrape.sum("gen_ai_server_requests_max", isOwn),
      total: sample.all.total,
      rateSince: rateBase.number,
      rateSeconds: time - rateBase.time,
      ...rates(sample.all, rateBase.all, time - rateBase.time),
      ...this.#lastMinute(sample),
      models: this.#models(scrape, sample, rateBase),
    };
    state.kv = Object.fromEntries(state.models.map(({ name, kvCacheUsage }) => [name, kvCacheUsage]));
    this.#addPoint(state);
    return state;
  }

  #lastMinute(sample) {
    const base = this.#samples[0];
    const stayed = sample.all.total - sample.all.gone - (base.all.total - base.all.gone);
    const failed = sample.all.failed - base.all.failed;
    const objectives = goodputs(sample, base);
    return {
      since: base.number,
      failedShare: stayed > 0 ? (failed / stayed) * 100 : null,
      failures: Object.fromEntries(
        [...sample.failures]
          .map(([type, count]) => [type, count - (base.failures.get(type) ?? 0)])
          .filter(([, count]) => count > 0),
      ),
      objectives,
      goodput: least(objectives),
      ...times(sample.all, base.all),
    };
  }

  #modelCounts(scrape) {
    // Tokens of a long answer are counted before its request has ended.
    const names = new Set(
      [requests, tokens].flatMap((metric) => scrape.series(metric, isOwn)).map(({ labels }) => labels.gen_ai_request_model),
    );
    return new Map([...names].map((name) => [name, counts(scrape, (labels) => labels.gen_ai_request_model === name)]));
  }

  #models(scrape, sample, rateBase) {
    const byName = new Map();
    for (const { labels, value } of scrape.series("gen_ai_server_kv_cache_usage")) {
      // Requests that a polled server counts are its own affair.
      if (isOwn(labels)) byName.set(labels.model, { ...nothing, name: labels.model, kvCacheUsage: value });
      else byName.set(`${labels.model} (${labels.engine})`, { name: `${labels.model} (${labels.engine})`, kvCacheUsage: value });
    }
    const base = this.#samples[0];
    for (const [name, now] of sample.models) {
      const model = byName.get(name) ?? { name, kvCacheUsage: null };
      byName.set(name, {
        ...model,
        ...now,
        ...rates(now, rateBase.models.get(name) ?? nothing, sample.time - rateBase.time),
        ...times(now, base.models.get(name) ?? nothing),
        goodput: least(goodputs(sample, base, (other) => other === name)).share,
      });
    }
    return [...byName.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  #addPoint(point) {
    // A new list: the charts keep theirs until they are given another.
    const isKept = ({ time }) => point.time - time <= this.#keptSeconds;
    this.points = [...this.points.filter(isKept), { at: Date.now(), ...point }];
  }
}
