// The latent plane. The point below the pointer is sent, from -1 to 1 on both axes, upwards.
element.addEventListener("pointermove", (event) => {
  const plane = element.querySelector(".plane");
  const box = plane.getBoundingClientRect();
  const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  if (Math.min(x, y) < 0 || Math.max(x, y) > 1) return;
  trigger("move", { first: 2 * x - 1, second: 1 - 2 * y });
});
