// Derives from answers of /metrics what the page shows. No document, no clock.

import { difference, quantile } from "./prometheus.js";

const rateWindow = 30;
const quantileWindow = 60;
const ttft = "gen_ai_server_time_to_first_token_seconds";
const perToken = "gen_ai_server_time_per_output_token_seconds";
const tokens = "gen_ai_server_tokens_total";

// What tells a series from others of the same server and model.
const ofSeries = new Set(["engine", "gen_ai_provider_name", "model", "gen_ai_request_model", "gen_ai_token_type", "error_type", "le"]);

/** The server that a series belongs to: gauges and counters name the engine and the model differently. */
function serverKey(labels) {
  return JSON.stringify(Object.entries(labels).filter(([name]) => !ofSeries.has(name)).sort());
}

const modelOf = (labels) => labels.model ?? labels.gen_ai_request_model ?? "";
// What is polled has an address; the agent's own series have none.
const isPolled = (labels) => labels.server_address !== undefined;

function address(labels) {
  const host = labels.server_address.includes(":") ? `[${labels.server_address}]` : labels.server_address;
  return `${host}:${labels.server_port}${labels.url_path ?? ""}`;
}

/** Where a server is, and what its owner calls it. */
function place(labels) {
  const own = Object.entries(labels).filter(
    ([name]) => !ofSeries.has(name) && !["server_address", "server_port", "url_path"].includes(name),
  );
  return [address(labels), ...own.map(([name, value]) => `${name}=${value}`)].join(" ");
}

/** What the models of one answer have counted. */
function counted(scrape) {
  const result = new Map();
  const entry = (labels) => {
    const key = `${serverKey(labels)} ${modelOf(labels)}`;
    if (!result.has(key)) result.set(key, { input: null, output: null, ttft: [], perToken: [] });
    return result.get(key);
  };
  for (const { labels, value } of scrape.series(tokens, isPolled)) entry(labels)[labels.gen_ai_token_type] = value;
  for (const [name, field] of [[ttft, "ttft"], [perToken, "perToken"]]) {
    for (const { labels, value } of scrape.series(`${name}_bucket`, isPolled)) {
      entry(labels)[field].push([labels.le === "+Inf" ? Infinity : Number(labels.le), value]);
    }
  }
  return result;
}

/** The buckets that were added; those of a server that began anew count from then on. */
function added(later, earlier) {
  const rises = difference(later, earlier);
  return rises.some(([, count]) => count < 0) ? later : rises;
}

/** Cumulative buckets of several servers as one; each has bounds of its own, so a sum is a step at each of them. */
function together(lists) {
  const bounds = [...new Set(lists.flatMap((list) => list.map(([bound]) => bound)))].sort((left, right) => left - right);
  const upTo = (list, bound) => list.findLast(([own]) => own <= bound)?.[1] ?? 0;
  return bounds.map((bound) => [bound, lists.reduce((sum, list) => sum + upTo(list, bound), 0)]);
}

const known = (values) => values.filter(Number.isFinite);
const sum = (values) => (known(values).length === 0 ? null : known(values).reduce((left, right) => left + right, 0));

export class View {
  /** Points of the charts: {time, at, running, ...}; a gap has only its time. */
  points = [];
  #samples = [];
  #keptSeconds;

  constructor(keptSeconds) {
    this.#keptSeconds = keptSeconds;
  }

  /** Notes that nothing could be read. */
  addGap(time) {
    this.#addPoint({ time });
  }

  /** Takes an answer in and returns what it says. Times are in seconds, on a clock that only rises. */
  add(time, scrape) {
    const counts = counted(scrape);
    this.#samples = this.#samples.filter((sample) => time - sample.time <= quantileWindow);
    this.#samples.push({ time, counts });
    const servers = this.#servers(scrape);
    const models = servers.flatMap((server) => server.models);
    const gpus = this.#gpus(scrape);
    const first = together(models.map((model) => model.firstTokens));
    const state = {
      time,
      servers,
      models,
      gpus,
      running: sum(models.map(({ running }) => running)),
      waiting: sum(models.map(({ waiting }) => waiting)),
      max: sum(models.map(({ max }) => max)),
      output: sum(models.map(({ output }) => output)),
      input: sum(models.map(({ input }) => input)),
      p50: quantile(0.5, first),
      p95: quantile(0.95, first),
    };
    const byKey = (list, field) => Object.fromEntries(list.map((item) => [item.key, item[field]]));
    this.#addPoint({
      time, running: state.running, waiting: state.waiting, max: state.max, p50: state.p50, p95: state.p95,
      kv: byKey(models, "kv"), output: byKey(models, "output"), busy: byKey(gpus, "busy"), memory: byKey(gpus, "memoryShare"),
    });
    return state;
  }

  #servers(scrape) {
    const gauges = {
      running: "gen_ai_server_requests_running", waiting: "gen_ai_server_requests_waiting", max: "gen_ai_server_requests_max",
      kv: "gen_ai_server_kv_cache_usage",
    };
    const servers = scrape.series("gen_ai_server_up", isPolled).map(({ labels, value }) => ({
      key: serverKey(labels), engine: labels.engine ?? "unknown", place: place(labels), isUp: value === 1, models: new Map(),
      // Whether it speaks https is not told.
      address: labels.server_port === "443" ? `https://${address(labels)}` : address(labels),
    }));
    const byKey = new Map(servers.map((server) => [server.key, server]));
    for (const [field, name] of Object.entries(gauges)) {
      for (const { labels, value } of scrape.series(name, isPolled)) {
        const server = byKey.get(serverKey(labels));
        if (!server) continue;
        const model = modelOf(labels);
        if (!server.models.has(model)) server.models.set(model, this.#model(server, model));
        server.models.get(model)[field] = value;
      }
    }
    for (const server of servers) server.models = [...server.models.values()];
    return servers;
  }

  #model(server, name) {
    const key = `${server.key} ${name}`;
    const newest = this.#samples.at(-1);
    const count = newest.counts.get(key);
    const oldest = this.#samples.find(({ counts }) => counts.has(key)) ?? newest;
    const base = this.#samples.find(({ time, counts }) => newest.time - time <= rateWindow && counts.has(key)) ?? newest;
    const seconds = newest.time - base.time;
    const rate = (field) => {
      const [now, then] = [count?.[field] ?? null, base.counts.get(key)?.[field] ?? null];
      return now === null || then === null || seconds === 0 ? null : (now >= then ? now - then : now) / seconds;
    };
    const since = (field) => (count && oldest !== newest ? added(count[field], oldest.counts.get(key)[field]) : []);
    const firstTokens = since("ttft");
    return {
      key, name, server: server.place, engine: server.engine, running: null, waiting: null, max: null, kv: null,
      input: rate("input"), output: rate("output"), firstTokens,
      p50: quantile(0.5, firstTokens), p95: quantile(0.95, firstTokens), perToken: quantile(0.5, since("perToken")),
    };
  }

  #gpus(scrape) {
    const gpus = new Map();
    const names = {
      busy: "hw_gpu_utilization", memory: "hw_gpu_memory_usage", memoryLimit: "hw_gpu_memory_limit",
      temperature: "hw_temperature", power: "hw_power",
    };
    for (const [field, name] of Object.entries(names)) {
      for (const { labels, value } of scrape.series(name)) {
        const key = labels.hw_id;
        const label = [labels.hw_gpu_index, labels.hw_parent && "slice of", labels.hw_name ?? "GPU"].filter(Boolean).join(" ");
        if (!gpus.has(key)) gpus.set(key, { key, label, index: Number(labels.hw_gpu_index ?? 0) });
        gpus.get(key)[field] = field === "busy" ? value * 100 : value;
      }
    }
    for (const gpu of gpus.values()) gpu.memoryShare = gpu.memoryLimit > 0 ? (gpu.memory / gpu.memoryLimit) * 100 : null;
    return [...gpus.values()].sort((left, right) => left.index - right.index || (left.key < right.key ? -1 : 1));
  }

  #addPoint(point) {
    // A new list: the charts keep theirs until they are given another.
    const isKept = ({ time }) => point.time - time <= this.#keptSeconds;
    this.points = [...this.points.filter(isKept), { at: Date.now(), ...point }];
  }
}
