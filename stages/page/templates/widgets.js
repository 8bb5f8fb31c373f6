// Interactive parts of the page. Without it, the page shows images and tables of the same content.
(() => {
"use strict";

const REDUCED_MOTION = matchMedia("(prefers-reduced-motion: reduce)");
const FRAME_MILLISECONDS = 250;

function create(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function readData(element) {
  return JSON.parse(element.querySelector(":scope > script[type='application/json']").textContent);
}

function loadImage(url) {
  const image = new Image();
  image.src = url;
  return image.decode().then(() => image);
}

// Calls start(element) for each element when it is about to be seen.
function whenVisible(elements, start) {
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      observer.unobserve(entry.target);
      start(entry.target);
    }
  }, { rootMargin: "400px" });
  for (const element of elements) observer.observe(element);
}

// A labeled slider; change(number) is called at once and after each move.
function addSlider(parent, label, count, start, describe, change) {
  const input = create("input", { type: "range", min: 0, max: count - 1, step: 1 });
  const output = create("output");
  input.value = start;
  const update = () => {
    output.textContent = describe(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
    change(Number(input.value));
  };
  input.addEventListener("input", update);
  parent.append(create("label", { class: "slider" }, label, " ", input, " ", output));
  update();
  return { input, set(number) { input.value = number; update(); } };
}

// Charts

function chartTheme() {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const text = { labelColor: ink, titleColor: ink };
  return {
    background: null,
    font: "system-ui, sans-serif",
    axis: { ...text, gridColor: line, domainColor: line, tickColor: line },
    legend: text,
    header: text,
    title: { color: ink },
    view: { stroke: line },
  };
}

// Vega and the charts are compressed in the page. Vega is unpacked for the first chart.
async function unpack(element) {
  const packed = atob(element.textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function loadVega() {
  document.head.append(create("script", {}, await unpack(document.getElementById("vega"))));
}

let vega = null; // what loadVega returned, once it is called
const drawn = new Map(); // view by figure

async function drawChart(figure) {
  const packed = figure.querySelector(":scope > script[type='application/gzip']");
  const spec = JSON.parse(await unpack(packed));
  const logarithmic = figure.querySelector("input.logarithmic");
  if (logarithmic?.checked) spec.spec.encoding.y.scale = { type: "log" };
  const narrow = figure.parentElement.clientWidth < 560;
  spec.description = figure.querySelector("figcaption").textContent; // read by screen readers
  if (spec.columns && narrow) spec.columns = 1;
  if (spec.hconcat && narrow) {
    spec.vconcat = spec.hconcat;
    delete spec.hconcat;
  }
  await (vega ??= loadVega());
  drawn.get(figure)?.finalize();
  const { view } = await vegaEmbed(figure.querySelector(".plot"), spec, {
    mode: "vega-lite", actions: false, renderer: "svg", config: chartTheme(),
  });
  drawn.set(figure, view);
  figure.classList.add("drawn");
  view.addEventListener("click", (event, item) => {
    if (item?.datum) figure.dispatchEvent(new CustomEvent("select", { detail: item.datum }));
  });
}

function addLogSwitch(figure) {
  const input = create("input", { type: "checkbox", class: "logarithmic" });
  input.addEventListener("change", () => drawChart(figure));
  figure.querySelector(".plot").before(
    create("label", { class: "control" }, input, " logarithmic scale"));
}

function redrawCharts() {
  for (const figure of drawn.keys()) drawChart(figure);
}

// Misclassified images by cell of a confusion matrix

async function startConfusions(element) {
  const { columns, width, height, errors } = readData(element);
  const fallback = element.querySelector("img");
  const image = await loadImage(fallback.src);
  const cells = new Map();
  errors.forEach((error, number) => {
    const key = `actual ${error.actual}, predicted ${error.predicted}`;
    cells.set(key, [...(cells.get(key) ?? []), { ...error, number }]);
  });
  const select = create("select");
  for (const key of cells.keys()) select.append(create("option", {}, key));
  const shown = create("div", { class: "thumbnails", "aria-live": "polite" });
  const show = () => shown.replaceChildren(...cells.get(select.value).map((error) => {
    const row = Math.floor(error.number / columns), column = error.number % columns;
    const canvas = create("canvas", {
      width, height, role: "img", "aria-label": `test image ${error.example}, ${select.value}`,
    });
    canvas.getContext("2d").drawImage(
      image, column * (width + 1), row * (height + 1), width, height, 0, 0, width, height);
    const text = `test image ${error.example}: ${error.predicted} ` +
      `with probability ${error.probability.toFixed(3)}`;
    return create("figure", {}, canvas, create("figcaption", {}, text));
  }));
  select.addEventListener("change", show);
  element.closest("article").querySelector("figure[data-name='confusion_matrix']")
    ?.addEventListener("select", ({ detail }) => {
      const key = `actual ${detail.actual}, predicted ${detail.predicted}`;
      if (!cells.has(key)) return;
      select.value = key;
      show();
      select.focus();
    });
  fallback.classList.add("fallback");
  element.append(create("label", { class: "control" },
    "Misclassified images of a cell (or select it in the matrix): ", select), shown);
  show();
}

// Frames of an animation

async function startPlayer(figure) {
  const { url, frames, columns, labels } = readData(figure);
  const still = figure.querySelector("img");
  const grid = await loadImage(url);
  const width = grid.width / columns, height = grid.height / Math.ceil(frames / columns);
  const canvas = create("canvas", { width, height, role: "img", "aria-label": still.alt });
  const context = canvas.getContext("2d");
  const controls = create("div", { class: "controls" });
  const button = create("button", { type: "button" }, "Play");
  controls.append(button);
  still.classList.add("fallback");
  still.after(canvas, controls);
  const slider = addSlider(controls, "Frame", frames, frames - 1,
    (number) => labels?.[number] ?? `${number + 1} of ${frames}`,
    (number) => context.drawImage(
      grid, (number % columns) * width, Math.floor(number / columns) * height, width, height,
      0, 0, width, height));
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  const play = () => {
    slider.set(0);
    button.textContent = "Pause";
    timer = setInterval(() => {
      const next = Number(slider.input.value) + 1;
      if (next < frames) slider.set(next); else stop();
    }, FRAME_MILLISECONDS);
  };
  button.addEventListener("click", () => (timer === null ? play() : stop()));
  slider.input.addEventListener("pointerdown", stop);
  slider.input.addEventListener("keydown", stop);
  REDUCED_MOTION.addEventListener("change", stop);
}

// The latent space of an autoencoder

async function startLatentSpace(element) {
  const { axis, width, height } = readData(element);
  const fallback = element.querySelector("img");
  const grid = await loadImage(fallback.src);
  const side = axis.length;
  const plane = create("canvas", { width: grid.width, height: grid.height, class: "plane" });
  const preview = create("canvas", { width, height, class: "preview", role: "img" });
  const controls = create("div", { class: "controls" });
  plane.setAttribute("role", "img");
  plane.setAttribute("aria-label", "Grid of decoded images; the sliders select one of them");
  fallback.classList.add("fallback");
  fallback.after(create("div", { class: "latent" }, plane, preview), controls);
  const position = [Math.floor(side / 2), Math.floor(side / 2)];
  const draw = () => {
    const left = position[0] * (width + 1), top = (side - 1 - position[1]) * (height + 1);
    const context = plane.getContext("2d");
    context.drawImage(grid, 0, 0);
    context.strokeStyle = "#d55e00";
    context.lineWidth = 3;
    context.strokeRect(left, top, width, height);
    preview.getContext("2d").drawImage(grid, left, top, width, height, 0, 0, width, height);
    preview.setAttribute("aria-label",
      `decoded image at ${axis[position[0]].toFixed(2)}, ${axis[position[1]].toFixed(2)}`);
  };
  const sliders = ["First", "Second"].map((name, index) => addSlider(
    controls, `${name} latent variable`, side, position[index],
    (number) => axis[number].toFixed(2),
    (number) => { position[index] = number; draw(); }));
  const follow = (event) => {
    const box = plane.getBoundingClientRect();
    const limit = (value) => Math.min(Math.max(Math.floor(value * side), 0), side - 1);
    sliders[0].set(limit((event.clientX - box.left) / box.width));
    sliders[1].set(side - 1 - limit((event.clientY - box.top) / box.height));
  };
  plane.addEventListener("pointermove", follow);
  plane.addEventListener("pointerdown", follow);
}

// The decision threshold of a binary classifier

function startThreshold(element) {
  const { rates, positives, negatives, positive, negative } = readData(element);
  const percent = (fraction) => `${(100 * fraction).toFixed(1)}%`;
  const count = (number) => number.toLocaleString("en-US");
  const result = create("p", { "aria-live": "polite", class: "threshold-result" });
  const start = rates.threshold.findIndex((threshold) => threshold >= 0.5);
  addSlider(element, `Decision threshold on P(${positive})`, rates.threshold.length, start,
    (number) => rates.threshold[number].toFixed(2),
    (number) => {
      const missed = rates.false_negative_rate[number], alarms = rates.false_positive_rate[number];
      result.replaceChildren(
        create("b", {}, `${count(Math.round(missed * positives))} of ${count(positives)}`),
        ` ${positive} examples are missed (false negatives, ${percent(missed)}); `,
        create("b", {}, `${count(Math.round(alarms * negatives))} of ${count(negatives)}`),
        ` ${negative} examples are predicted ${positive} (false positives, ${percent(alarms)}).`);
    });
  element.append(result);
}

// Texts sampled during training

function startSamples(element) {
  const { epochs, texts } = readData(element);
  const text = create("blockquote", { class: "verse", tabindex: 0, "aria-live": "polite" });
  const temperatures = create("select");
  for (const temperature of Object.keys(texts)) {
    temperatures.append(create("option", {}, temperature));
  }
  const controls = create("div", { class: "controls" });
  controls.append(create("label", { class: "control" }, "Temperature ", temperatures));
  element.append(controls, text);
  const slider = addSlider(controls, "Trained for", epochs.length, epochs.length - 1,
    (number) => `${epochs[number]} epoch${epochs[number] === 1 ? "" : "s"}`,
    (number) => { text.textContent = texts[temperatures.value][number]; });
  temperatures.addEventListener("change", () => slider.set(slider.input.value));
}

const all = (selector) => document.querySelectorAll(selector);
document.documentElement.classList.add("scripts");
all("figure.chart[data-name='learning_curves']").forEach(addLogSwitch);
whenVisible(all("figure.chart"), drawChart);
whenVisible(all(".confusions"), startConfusions);
whenVisible(all("figure.player"), startPlayer);
whenVisible(all(".latent-space"), startLatentSpace);
all(".threshold").forEach(startThreshold);
all(".samples").forEach(startSamples);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawCharts);
})();
