// Shows figures: their texts, their colours, and the parts of a page that hold them.

export const dash = "–";
export const byId = (id) => document.getElementById(id);
/** On a clock that only rises. */
export const seconds = () => performance.now() / 1000;
export const isKnown = (value) => Number.isFinite(value);
export const fixed = (value, digits) => (isKnown(value) ? value.toFixed(digits) : dash);
export const percentText = (value) => (isKnown(value) ? `${value.toFixed(1)} %` : dash);
export const durationText = (value) => duration(value).join(" ").trim();

/** A time as [figure, unit]. */
function duration(value) {
  if (!isKnown(value)) return [dash, ""];
  return value < 1 ? [(value * 1000).toFixed(value < 0.01 ? 1 : 0), "ms"] : [value.toFixed(2), "s"];
}

/** Of charts. */
export const percents = { end: 100, format: percentText, tick: (value) => `${value} %` };
export const counts = { minimumEnd: 4, format: (value) => fixed(value, 0), tick: (value) => (Number.isInteger(value) ? value : "") };
export const durations = {
  minimumEnd: 0.1,
  format: durationText,
  tick: (value) => (value === 0 ? "0" : value < 1 ? `${+(value * 1000).toFixed(1)} ms` : `${+value.toFixed(2)} s`),
};

// The first two colours are those of all servers as a whole.
const colors = [3, 4, 5, 6, 7, 8, 9, 10].map((number) => `color-${number}`);
const styles = ["solid", "dashed", "dotted"];
const places = new Map();

/** What has a key keeps its colour when others come; where they are used up, the line's style tells them apart. */
export function look(key) {
  if (!places.has(key)) places.set(key, places.size);
  const place = places.get(key);
  return { color: colors[place % colors.length], style: styles[Math.floor(place / colors.length) % styles.length] };
}

/** Shows a figure, and keeps its exact value where a program can read it. */
export function show(id, value, text) {
  byId(id).textContent = text;
  byId(id).dataset.value = value ?? "";
}

export function showTime(id, value) {
  const [figure, unit] = duration(value);
  show(id, value, figure);
  byId(id).parentElement.querySelector(".unit").textContent = unit;
}

/** A row of a table; with a look, it has the mark of its lines in the charts. */
export function row(name, look, cells) {
  const result = document.createElement("tr");
  const title = document.createElement("th");
  title.scope = "row";
  if (look) {
    const mark = document.createElement("span");
    mark.className = `mark ${look.color} ${look.style}`;
    title.append(mark);
  }
  title.append(name);
  result.append(title, ...cells);
  return result;
}

export function cell(label, text, value) {
  const result = document.createElement("td");
  result.dataset.label = label;
  result.dataset.value = value ?? "";
  result.textContent = text;
  return result;
}

/** A cell with a bar. */
export function usageCell(label, text, value, percent, color) {
  const result = cell(label, text, value);
  result.className = "usage";
  const meter = document.createElement("span");
  meter.className = `meter ${color}`;
  meter.ariaHidden = "true";
  const fill = document.createElement("span");
  fill.style.width = `${Math.min(Math.max(percent ?? 0, 0), 100)}%`;
  meter.append(fill);
  result.append(meter);
  return result;
}
