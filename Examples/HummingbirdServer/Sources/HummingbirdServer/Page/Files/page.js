// Asks /metrics once a second and shows what it says.

import { Chart, clockTime } from "./chart.js";
import { History } from "./history.js";
import { Scrape } from "./prometheus.js";
import { byId, cell, counts, dash, durations, durationText, fixed, isKnown, look, percents, percentText, row, seconds, show, showTime, usageCell } from "./show.js";

const chartSeconds = 300;
const pollMilliseconds = 1000;
const timeoutMilliseconds = 3000;

const countText = (value) => (isKnown(value) ? value.toLocaleString("en") : dash);
const rateText = (value) => (isKnown(value) ? `${value.toFixed(value < 100 ? 1 : 0)} /s` : dash);

const history = new History(chartSeconds);
const charts = {
  kv: new Chart(byId("chart-kv"), percents),
  requests: new Chart(byId("chart-requests"), counts),
  ttft: new Chart(byId("chart-ttft"), durations),
  rate: new Chart(byId("chart-rate"), {
    minimumEnd: 1,
    format: (value) => `${fixed(value, 1)} /s`,
    tick: (value) => +value.toFixed(2),
  }),
  tokens: new Chart(byId("chart-tokens"), { minimumEnd: 10, format: rateText, tick: (value) => value.toLocaleString("en") }),
  goodput: new Chart(byId("chart-goodput"), percents),
};

/** What failed in the last minute, and beside it the clients that have hung up: they are no failures. */
function failuresText({ client_gone: gone, ...failures }) {
  const text = ([type, count]) => `${count}\u00a0${type}`;
  const failed = Object.entries(failures).map(text).join(", ") || "of the last minute";
  return gone ? `${failed}; ${text(["client_gone", gone])}` : failed;
}

/** Which objective the goodput is of: where there are several, the one that is met least. */
function objectiveText({ objectives, goodput }) {
  if (objectives.length === 0) return "no objective is set";
  return `${goodput.objective ?? objectives[0].objective}, last minute`;
}

function showTiles(state) {
  show("running", state.running, fixed(state.running, 0));
  show("waiting", state.waiting, fixed(state.waiting, 0));
  show("max", state.max, fixed(state.max, 0));
  show("total", state.total, state.total.toLocaleString("en"));
  show("rate", state.rate, fixed(state.rate, 1));
  show("failed-share", state.failedShare, fixed(state.failedShare, 1));
  show("tokens-out", state.outputRate, fixed(state.outputRate, state.outputRate < 100 ? 1 : 0));
  show("tokens-in", state.inputRate, fixed(state.inputRate, state.inputRate < 100 ? 1 : 0));
  show("goodput", state.goodput.share, fixed(state.goodput.share, 1));
  byId("objective").textContent = objectiveText(state);
  showTime("ttft-p50", state.p50);
  showTime("ttft-p95", state.p95);
  byId("failed-kinds").textContent = failuresText(state.failures);
  byId("running-meter").style.width = `${Math.min((state.running / state.max) * 100 || 0, 100)}%`;
  byId("rate").dataset.since = state.rateSince;
  byId("rate").dataset.seconds = state.rateSeconds;
  for (const id of ["failed-share", "goodput", "ttft-p50", "ttft-p95"]) byId(id).dataset.since = state.since;
}

function showCharts(state) {
  const { points } = history;
  charts.kv.update(
    points,
    state.models
      .filter(({ kvCacheUsage }) => isKnown(kvCacheUsage))
      .map(({ name }) => ({
        id: `kv:${name}`,
        label: name,
        ...look(name),
        value: (point) => point.kv?.[name],
      })),
  );
  charts.requests.update(points, [
    { id: "running", label: "running", color: "color-1", style: "area", value: (point) => point.running },
    { id: "waiting", label: "waiting", color: "color-2", value: (point) => point.waiting },
    { id: "max", label: "at most", color: "color-muted", style: "dashed", value: (point) => point.max },
  ]);
  charts.ttft.update(points, [
    { id: "p95", label: "p95", color: "color-2", value: (point) => point.p95 },
    { id: "p50", label: "median", color: "color-1", value: (point) => point.p50 },
  ]);
  charts.rate.update(points, [
    { id: "rate", label: "ended", color: "color-1", style: "area", value: (point) => point.rate },
    { id: "failed", label: "failed", color: "color-failed", value: (point) => point.failedRate },
    { id: "client_gone", label: "client_gone", color: "color-2", style: "dashed", value: (point) => point.goneRate },
  ]);
  charts.tokens.update(points, [
    { id: "tokens-out", label: "out", color: "color-1", style: "area", value: (point) => point.outputRate },
    { id: "tokens-in", label: "in", color: "color-2", value: (point) => point.inputRate },
  ]);
  charts.goodput.update(
    points,
    state.objectives.map(({ objective }, index) => ({
      id: `goodput:${objective}`,
      label: objective,
      color: `color-${(index % 10) + 1}`,
      value: (point) => point.objectives?.find((other) => other.objective === objective)?.share,
    })),
  );
}

function modelRow(model) {
  const own = look(model.name);
  const result = row(model.name, own, [
    usageCell("KV cache", percentText(model.kvCacheUsage), model.kvCacheUsage, model.kvCacheUsage, own.color),
    cell("Requests since start", countText(model.total), model.total),
    cell("Failed since start", countText(model.failed), model.failed),
    cell("Tokens out per second", rateText(model.outputRate), model.outputRate),
    cell("Goodput", percentText(model.goodput), model.goodput),
    cell("First token, median", durationText(model.p50), model.p50),
    cell("Per token, median", durationText(model.perToken), model.perToken),
  ]);
  result.dataset.model = model.name;
  return result;
}

const title = document.title;
const statusTexts = {
  live: "Live",
  idle: "Live, no traffic yet",
  gone: "The server does not answer",
};

function setState(state) {
  if (document.body.dataset.state === state) return;
  document.body.dataset.state = state;
  byId("status-text").textContent = statusTexts[state];
  document.title = state === "gone" ? `No answer – ${title}` : title;
  byId("gone").hidden = state !== "gone";
  byId("no-traffic").hidden = state !== "idle";
}

function showService(scrape) {
  const name = scrape.series("target_info")[0]?.labels.service_name;
  if (name) byId("service").firstChild.data = `${name}: `;
}

/** What could be asked: the document says how, with {origin} and {model} for what only a scrape tells. */
function showExample(model) {
  const command = byId("example-command");
  command.textContent = command.dataset.template
    .replace("{origin}", () => location.origin)
    .replace("{model}", () => JSON.stringify(model ?? "").slice(1, -1));
}

let scrapes = 0;
let answeredAt = null;

/** Keeps what was read last, and says of when that is. */
function showGap() {
  history.addGap(seconds());
  for (const chart of Object.values(charts)) chart.stop();
  byId("gone-since").textContent = answeredAt === null ? "" : ` since ${clockTime(answeredAt)}`;
  setState("gone");
}

function showScrape(scrape) {
  scrapes += 1;
  answeredAt = Date.now();
  const state = history.add(seconds(), scrapes, scrape);
  const hasTraffic = state.total > 0 || state.running > 0 || state.waiting > 0;
  showTiles(state);
  showCharts(state);
  byId("models").replaceChildren(...state.models.map(modelRow));
  showService(scrape);
  if (!hasTraffic) showExample(state.models[0]?.name);
  setState(hasTraffic ? "live" : "idle");
  document.body.dataset.scrapes = scrapes;
}

/** The newest values; null if the server does not answer. */
async function read() {
  try {
    const answer = await fetch("metrics", { cache: "no-store", signal: AbortSignal.timeout(timeoutMilliseconds) });
    return answer.ok ? new Scrape(await answer.text()) : null;
  } catch {
    return null;
  }
}

async function poll() {
  const scrape = await read();
  // The next one comes whatever happens here.
  setTimeout(poll, pollMilliseconds);
  if (scrape) showScrape(scrape);
  else showGap();
}

poll();
