// A drawing area. While a stroke grows, the drawing is sent a few times per second, as a data: URL.
const INTERVAL = 120; // milliseconds between two drawings that are sent
const canvas = element.querySelector("canvas");
const [paper, pen, eraser] = ["select", "input", "button"].map((part) => element.querySelector(part));
const context = canvas.getContext("2d");
let last = null;
let sent = 0;
let timer = null;

function erase() {
  context.fillStyle = paper.value;
  context.fillRect(0, 0, canvas.width, canvas.height);
}

function send() {
  clearTimeout(timer);
  timer = null;
  sent = Date.now();
  props.value = canvas.toDataURL("image/png");
  trigger("input");
}

function sendSoon() {
  timer ??= setTimeout(send, Math.max(0, sent + INTERVAL - Date.now()));
}

function locate(event) {
  const box = canvas.getBoundingClientRect();
  const scale = canvas.width / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

function draw(event) {
  const next = locate(event);
  context.strokeStyle = paper.value === "white" ? "black" : "white";
  context.lineWidth = Number(pen.value);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.beginPath();
  context.moveTo(...last);
  context.lineTo(...next);
  context.stroke();
  last = next;
  sendSoon();
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  last = locate(event);
  draw(event);
});
canvas.addEventListener("pointermove", (event) => {
  if (last) draw(event);
});
for (const name of ["pointerup", "pointercancel"]) {
  canvas.addEventListener(name, () => {
    if (last) send();
    last = null;
  });
}
for (const [part, name] of [[eraser, "click"], [paper, "change"]]) {
  part.addEventListener(name, () => {
    erase();
    send();
  });
}
erase();
