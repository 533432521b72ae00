// Asks /metrics every two seconds and shows what it says of all servers and GPUs.

import { Chart, clockTime } from "./chart.js";
import { Scrape } from "./prometheus.js";
import { byId, cell, counts, dash, durations, durationText, fixed, isKnown, look, percents, percentText, row, seconds, show, showTime, usageCell } from "./show.js";
import { View } from "./view.js";

const chartSeconds = 300;
const pollMilliseconds = 2000;
const timeoutMilliseconds = 3000;

const rateText = (value) => (isKnown(value) ? value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 }) : dash);
const gibibytes = (value) => (isKnown(value) ? (value / 2 ** 30).toFixed(1) : dash);

const view = new View(chartSeconds);
const charts = {
  kv: new Chart(byId("chart-kv"), percents),
  requests: new Chart(byId("chart-requests"), counts),
  output: new Chart(byId("chart-output"), { minimumEnd: 4, format: (value) => `${rateText(value)} /s`, tick: rateText }),
  ttft: new Chart(byId("chart-ttft"), durations),
  busy: new Chart(byId("chart-busy"), percents),
  memory: new Chart(byId("chart-memory"), percents),
};

function showTiles(state) {
  for (const id of ["running", "waiting"]) show(id, state[id], fixed(state[id], 0));
  for (const id of ["output", "input"]) show(id, state[id], rateText(state[id]));
  for (const id of ["p50", "p95"]) showTime(id, state[id]);
}

/** A model's name, with its server where two servers have it. */
function label(model, models) {
  const isShared = models.some((other) => other !== model && other.name === model.name);
  const name = model.name || model.engine;
  return isShared ? `${name} (${model.server})` : name;
}

function showCharts({ models, gpus }) {
  const lines = (list, field, text) =>
    list
      .filter((item) => isKnown(item[{ memory: "memoryShare" }[field] ?? field]))
      .map((item) => ({ id: `${field}:${item.key}`, label: text(item), ...look(item.key), value: (point) => point[field]?.[item.key] }));
  const { points } = view;
  charts.kv.update(points, lines(models, "kv", (model) => label(model, models)));
  charts.output.update(points, lines(models, "output", (model) => label(model, models)));
  charts.requests.update(points, [
    { id: "running", label: "running", color: "color-1", style: "area", value: (point) => point.running },
    { id: "waiting", label: "waiting", color: "color-2", value: (point) => point.waiting },
  ]);
  charts.ttft.update(points, [
    { id: "p95", label: "p95", color: "color-2", value: (point) => point.p95 },
    { id: "p50", label: "median", color: "color-1", value: (point) => point.p50 },
  ]);
  charts.busy.update(points, lines(gpus, "busy", (gpu) => gpu.label));
  charts.memory.update(points, lines(gpus, "memory", (gpu) => gpu.label));
}

function serverCell(server) {
  const result = cell("Server", `${server.engine} ${server.place ?? server.server}`, server.engine);
  result.className = "server";
  return result;
}

function serverRows(server) {
  if (server.models.length === 0) {
    const result = row(server.isUp ? "no model" : "down", null, [serverCell(server)]);
    result.classList.toggle("is-down", !server.isUp);
    const rest = cell("", "");
    rest.colSpan = 9;
    result.append(rest);
    return [result];
  }
  return server.models.map((model) =>
    row(model.name || "not told", look(model.key), [
      serverCell(server),
      cell("Running", fixed(model.running, 0), model.running),
      cell("Waiting", fixed(model.waiting, 0), model.waiting),
      cell("At most", fixed(model.max, 0), model.max),
      usageCell("KV cache", percentText(model.kv), model.kv, model.kv, look(model.key).color),
      cell("Out /s", rateText(model.output), model.output),
      cell("In /s", rateText(model.input), model.input),
      cell("First token", durationText(model.p50), model.p50),
      cell("p95", durationText(model.p95), model.p95),
      cell("Per token", durationText(model.perToken), model.perToken),
    ]),
  );
}

function gpuRow(gpu) {
  const color = look(gpu.key);
  const memory = `${gibibytes(gpu.memory)} of ${gibibytes(gpu.memoryLimit)} GiB`;
  return row(gpu.label, color, [
    usageCell("Busy", percentText(gpu.busy), gpu.busy, gpu.busy, color.color),
    usageCell("Memory", memory, gpu.memory, gpu.memoryShare, color.color),
    cell("Temperature", isKnown(gpu.temperature) ? `${fixed(gpu.temperature, 0)} °C` : dash, gpu.temperature),
    cell("Power", isKnown(gpu.power) ? `${fixed(gpu.power, 0)} W` : dash, gpu.power),
  ]);
}

const title = document.title;
const statusTexts = {
  live: "Live",
  empty: "Live, no server yet",
  locked: "Locked",
  gone: "The agent does not answer",
};

function setState(state) {
  if (document.body.dataset.state === state) return;
  document.body.dataset.state = state;
  byId("status-text").textContent = statusTexts[state];
  document.title = state === "gone" ? `No answer – ${title}` : title;
  byId("gone").hidden = state !== "gone";
  byId("token").hidden = state !== "locked";
  byId("nothing").hidden = state !== "empty";
}

function showService(scrape) {
  const labels = scrape.series("target_info")[0]?.labels;
  const name = [labels?.service_name, labels?.host_name].filter(Boolean).join(" on ");
  if (name) byId("service").firstChild.data = `${name}: `;
}

function showDown(servers) {
  const down = servers.filter(({ isUp }) => !isUp);
  byId("down").hidden = down.length === 0;
  byId("down-commands").textContent = down.map(({ address }) => `genai-agent check ${address}`).join("\n");
}

let scrapes = 0;
let answeredAt = null;

/** Keeps what was read last, and says of when that is. */
function showGap() {
  view.addGap(seconds());
  for (const chart of Object.values(charts)) chart.stop();
  byId("gone-since").textContent = answeredAt === null ? "" : ` since ${clockTime(answeredAt)}`;
  setState("gone");
}

function showScrape(scrape) {
  scrapes += 1;
  answeredAt = Date.now();
  const state = view.add(seconds(), scrape);
  // Before anything is drawn: what is not shown has no size.
  document.body.toggleAttribute("data-gpus", state.gpus.length > 0);
  setState(state.servers.length > 0 ? "live" : "empty");
  showTiles(state);
  showCharts(state);
  byId("models").replaceChildren(...state.servers.flatMap(serverRows));
  byId("gpus").replaceChildren(...state.gpus.map(gpuRow));
  showService(scrape);
  showDown(state.servers);
  document.body.dataset.scrapes = scrapes;
}

/** The newest values; null if the agent does not answer, "locked" if it wants a token. */
async function read() {
  const token = sessionStorage.getItem("token");
  // What no header can hold is no token.
  if (token && !/^[!-~]+$/.test(token)) return "locked";
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    const answer = await fetch("metrics", { headers, cache: "no-store", signal: AbortSignal.timeout(timeoutMilliseconds) });
    if (answer.status === 401) return "locked";
    return answer.ok ? new Scrape(await answer.text()) : null;
  } catch {
    return null;
  }
}

let timer = null;
let polls = 0;

async function poll() {
  clearTimeout(timer);
  polls += 1;
  const number = polls;
  const scrape = await read();
  // One that was begun meanwhile goes on in its place.
  if (number !== polls) return;
  // The next one comes whatever happens here.
  timer = setTimeout(poll, pollMilliseconds);
  if (scrape === "locked") setState("locked");
  else if (scrape) showScrape(scrape);
  else showGap();
}

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", byId("token-text").value.trim());
  poll();
});
poll();
