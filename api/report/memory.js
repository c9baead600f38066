// The arena over time: a rectangle for each buffer, as wide as the steps in which it lives and as high as its bytes, where it lies. Where nothing is
// drawn, memory is free. The line is what lives at one time.

function drawMemory({ bytes, steps, buffers }) {
  const [right, bottom] = [chart.width - chart.right, chart.height - chart.bottom];
  const x = (step) => chart.left + 30 + (right - chart.left - 30) * step / steps.length, y = (offset) => bottom - (bottom - chart.top) * offset / bytes;
  const live = steps.map((_, step) => buffers.reduce((sum, { bytes: size, first, last }) => sum + (first <= step && step <= last ? size : 0), 0));
  const rectangles = buffers.map(({ offset, bytes: size, first, last }) => {
    const kernel = facts.kernels.findIndex(({ name }) => name === steps[first]);
    const attributes = { class: "buffer", x: x(first), y: y(offset + size), width: x(last + 1) - x(first), height: y(offset) - y(offset + size) };
    return svg("rect", kernel < 0 ? attributes : { ...attributes, "data-kernel": kernel },
      svg("title", {}, `${bytesText(size)} at ${count(offset)}, from ${steps[first]} (step ${first + 1}) to ${steps[last]} (step ${last + 1})`));
  });
  return svg("svg", { class: "chart", viewBox: `0 0 ${chart.width} ${chart.height}`, role: "img", "aria-label": "memory over time" },
    ...[0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
      svg("path", { class: "grid", d: `M${x(0)},${y(part * bytes)}H${right}` }),
      svg("text", { x: x(0) - 6, y: y(part * bytes) + 4, "text-anchor": "end" }, bytesText(part * bytes)),
    ]),
    ...rectangles,
    svg("path", { class: "live", d: live.map((size, step) => `${step ? "L" : "M"}${x(step)},${y(size)}H${x(step + 1)}`).join("") }),
    svg("text", { x: x(0), y: bottom + 16 }, "step 1"),
    svg("text", { x: right, y: bottom + 16, "text-anchor": "end" }, `step ${steps.length}`));
}

function showMemory() {
  const { bytes, buffers, pooled } = facts.memory, note = (text) => html("p", { class: "note" }, text);
  byId("memory").append(note(buffers.length
    ? `${buffers.length} buffers share ${bytesText(bytes)}, the arena of a run. Inputs, outputs and constants are not among them.` : "No buffer has a place in the arena."));
  if (pooled)
    byId("memory").append(note(`${pooled} buffers come from a pool, since only the run knows their size or a loop carries them on.`));
  if (buffers.length)
    byId("memory").append(drawMemory(facts.memory));
  byId("memory").addEventListener("click", findInGraph);
}
