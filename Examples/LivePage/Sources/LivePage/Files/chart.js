// A line chart of the last minutes, drawn as SVG.

const namespace = "http://www.w3.org/2000/svg";
const height = 190;
const margin = { top: 10, right: 8, bottom: 22, left: 52 };

function element(name, attributes = {}, text) {
  const result = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) result.setAttribute(key, value);
  if (text !== undefined) result.textContent = text;
  return result;
}

// What a chart covers, in seconds, and where its time axis has labels: little at first, so that a fresh page is not empty.
const spans = [
  { seconds: 60, step: 15 },
  { seconds: 120, step: 30 },
  { seconds: 180, step: 60 },
  { seconds: 240, step: 60 },
  { seconds: 300, step: 60 },
];

/** A time of the day, to the second. */
export function clockTime(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString([], {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  });
}

/** How long before the end of the time axis. */
function ago(seconds) {
  return seconds % 60 === 0 ? `−${seconds / 60} min` : `−${seconds} s`;
}

/** The upper end of an axis, and its lines: at most five, at round values. */
function axis(maximum) {
  const rough = maximum / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough);
  const end = Math.ceil(maximum / step - 1e-9) * step;
  return { end, ticks: Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step) };
}

/** The class of a line that is not drawn through. */
const dashes = (style) => (style === "dashed" || style === "dotted" ? style : "");

export class Chart {
  #figure;
  #options;
  #svg = element("svg", { role: "img" });
  #legend = document.createElement("ul");
  #points = [];
  #series = [];
  #isLive = true;
  #pointerX = null;

  /**
   * @param options `format` of a value, with its unit; `tick` of a value at the axis;
   *   `minimumEnd` of the axis; `end` if the axis is fixed.
   */
  constructor(figure, options) {
    this.#figure = figure;
    this.#options = options;
    this.#legend.className = "legend";
    // A long list scrolls, also by the keyboard.
    this.#legend.tabIndex = 0;
    figure.append(this.#legend, this.#svg);
    this.#svg.setAttribute("aria-label", figure.querySelector("figcaption").textContent);
    new ResizeObserver(() => this.#draw()).observe(this.#svg);
    this.#svg.addEventListener("pointermove", (event) => this.#point(event.offsetX));
    this.#svg.addEventListener("pointerleave", () => this.#point(null));
  }

  /**
   * Shows points, oldest first: {time, at}, in seconds on a clock that only rises and in milliseconds of the date, and
   * what the series find in them. Series are [{id, label, color, value: (point) => number or null, style}].
   */
  update(points, series) {
    this.#points = points;
    this.#series = series;
    this.#isLive = true;
    this.#draw();
  }

  /** Keeps what is shown, which is not of now any more. */
  stop() {
    this.#isLive = false;
    this.#draw();
  }

  #point(x) {
    this.#pointerX = x;
    this.#draw();
  }

  #draw() {
    const width = Math.round(this.#svg.getBoundingClientRect().width);
    if (width === 0 || this.#points.length === 0) return;
    const now = this.#points.at(-1).time;
    const plotWidth = width - margin.left - margin.right;
    const plotHeight = height - margin.top - margin.bottom;
    const values = this.#series.flatMap(({ value }) => this.#points.map(value)).filter(Number.isFinite);
    const { end, ticks } = axis(this.#options.end ?? Math.max(...values, this.#options.minimumEnd));
    const age = now - this.#points[0].time;
    const span = spans.find(({ seconds }) => age <= seconds) ?? spans.at(-1);
    const x = (time) => margin.left + plotWidth * Math.max(1 - (now - time) / span.seconds, 0);
    const y = (value) => margin.top + plotHeight * (1 - Math.min(value, end) / end);

    const shown = this.#pointAtPointer(x);
    const moment = this.#pointerX === null ? null : { left: x(shown.time), text: clockTime(shown.at) };
    const parts = [...this.#grid(width, ticks, x, y), ...this.#timeAxis(width, span, x, now, moment)];
    for (const series of this.#series) parts.push(...this.#line(series, x, y, y(0)));
    if (this.#pointerX !== null) {
      parts.push(element("line", { class: "cursor", x1: x(shown.time), x2: x(shown.time), y1: margin.top, y2: y(0) }));
    }
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.#svg.replaceChildren(...parts);
    this.#drawLegend(shown);
  }

  /** The point under the pointer, or the newest. */
  #pointAtPointer(x) {
    const newest = this.#points.at(-1);
    if (this.#pointerX === null) return newest;
    const distance = (point) => Math.abs(x(point.time) - this.#pointerX);
    return this.#points.reduce((best, point) => (distance(point) < distance(best) ? point : best), newest);
  }

  *#grid(width, ticks, x, y) {
    for (const tick of ticks) {
      const line = { x1: margin.left, x2: width - margin.right, y1: y(tick), y2: y(tick) };
      yield element("line", { class: tick === 0 ? "base" : "grid", ...line });
      const place = { x: margin.left - 6, y: y(tick) + 4, "text-anchor": "end" };
      yield element("text", place, this.#options.tick(tick));
    }
  }

  *#timeAxis(width, { seconds, step }, x, now, moment) {
    const end = this.#isLive ? "now" : clockTime(this.#points.at(-1).at);
    const right = width - margin.right;
    const label = (left, text, name = "time") => {
      const anchor = left > right - 30 ? "end" : left < margin.left + 30 ? "start" : "middle";
      return element("text", { class: name, x: left, y: height - 4, "text-anchor": anchor }, text);
    };
    // Where it is narrow, every second label.
    for (let time = 0; time <= seconds; time += width < 420 ? step * 2 : step) {
      const left = x(now - time);
      // The moment under the pointer stands in the place of its neighbours.
      if (moment && Math.abs(left - moment.left) < 64) continue;
      yield label(left, time === 0 ? end : ago(time));
    }
    if (moment) yield label(moment.left, moment.text, "moment");
  }

  /** One path for each stretch without a gap. A single answer between two gaps is no line; at the end it begins one. */
  *#line({ value, color, style }, x, y, base) {
    const stretches = [[]];
    for (const point of this.#points) {
      const number = value(point);
      if (Number.isFinite(number)) stretches.at(-1).push([x(point.time), y(number)]);
      else if (stretches.at(-1).length > 0) stretches.push([]);
    }
    const isLine = ({ length }, index) => length > 1 || (length === 1 && index === stretches.length - 1);
    for (const stretch of stretches.filter(isLine)) {
      const path = stretch.map(([left, top]) => `${left.toFixed(1)},${top.toFixed(1)}`).join("L");
      if (style === "area") {
        const close = `L${stretch.at(-1)[0].toFixed(1)},${base}L${stretch[0][0].toFixed(1)},${base}Z`;
        yield element("path", { class: `area ${color}`, d: `M${path}${close}` });
      }
      yield element("path", { class: `line ${color} ${dashes(style)}`, d: `M${path}h0.01` });
    }
  }

  #drawLegend(point) {
    const items = this.#series.map(({ id, label, color, value, style }) => {
      const item = document.createElement("li");
      const mark = document.createElement("span");
      mark.className = `mark ${color} ${dashes(style)}`;
      const text = document.createElement("span");
      text.textContent = label;
      const number = document.createElement("strong");
      number.textContent = this.#options.format(value(point));
      number.dataset.series = id;
      number.dataset.value = value(point) ?? "";
      item.append(mark, text, number);
      return item;
    });
    this.#legend.replaceChildren(...items);
    const title = this.#figure.querySelector("figcaption").textContent;
    this.#svg.setAttribute("aria-label", `${title}: ${items.map(({ textContent }) => textContent).join(", ")}`);
  }
}
