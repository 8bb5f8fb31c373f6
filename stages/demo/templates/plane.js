// The latent plane. The point below the pointer is sent, from -1 to 1 on both axes, upwards.
element.addEventListener("pointermove", (event) => {
  const plane = event.target.closest(".plane");
  if (!plane) return;
  const box = plane.getBoundingClientRect();
  const x = (event.clientX - box.left) / box.width;
  const y = (event.clientY - box.top) / box.height;
  const [first, second] = [2 * x - 1, 1 - 2 * y].map((each) => Math.max(-1, Math.min(1, each)));
  trigger("move", { first, second });
});
