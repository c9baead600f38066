// The roofline (Williams, Waterman and Patterson, 2009): what kernels reach in GFLOP/s, over the FLOPs that they make of each byte they read or write at least.
// A kernel whose operands come from a cache may be above what memory delivers. FLOPs are those of the direct form, so that a convolution by minimal
// filtering, which makes fewer, may be above the roof.

const chart = { width: 900, height: 420, left: 60, right: 20, top: 28, bottom: 40 };

/// The positions of powers of ten that are between two numbers.
function decades(low, high) {
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); ++power)
    powers.push(10 ** power);
  return powers;
}

/// A scale of logarithms from whole powers of ten to pixels.
function logScale(powers, from, to) {
  const [low, high] = [Math.log10(powers[0]), Math.log10(powers.at(-1))];
  return (number) => from + (to - from) * (Math.log10(number) - low) / (high - low);
}

/// What is known of each kernel that was measured and computes something: FLOPs a byte, and GFLOP/s.
function pointsOfRoofline() {
  return facts.kernels.flatMap((kernel, index) => (kernel.seconds && kernel.flops && kernel.bytes
    ? [{ index, kernel, intensity: kernel.flops / kernel.bytes, gflops: kernel.flops * kernel.measuredCalls / kernel.seconds / 1e9 }] : []));
}

/// A line up to where the memory is no longer what limits. Names stand one beside the other, since caches are alike.
function drawRoof({ name, gbs }, number, x, y, left) {
  const { gflops } = facts.limits, ridge = gflops / gbs, start = Math.max(left, 1e-9);
  const from = [x(start), y(start * gbs)], to = [x(Math.max(ridge, start)), y(gflops)];
  return [
    svg("path", { class: name === "memory" ? "roof" : "roof slow", d: `M${from}L${to}` }),
    svg("text", { x: from[0] + 4 + 80 * number, y: above(from, to, 4 + 80 * number) }, `${name} ${fixed(gbs, 0)} GB/s`),
  ];
}

/// What is right above a line, so far from where it starts.
const above = (from, to, distance) => from[1] + (to[1] - from[1]) * Math.min(1, distance / (to[0] - from[0])) - 5;

function drawRoofline(points) {
  const { gflops, bandwidths } = facts.limits ?? { gflops: null, bandwidths: [] };
  const ridges = bandwidths.map(({ gbs }) => gflops / gbs);
  const intensities = decades(Math.min(...points.map((point) => point.intensity), ...ridges), Math.max(...points.map((point) => point.intensity), ...ridges));
  const speeds = points.map((point) => point.gflops).concat(gflops ?? []);
  const lowest = intensities[0], floor = Math.min(...speeds, ...bandwidths.map(({ gbs }) => gbs * lowest));
  const rates = decades(floor, Math.max(...speeds));
  const x = logScale(intensities, chart.left, chart.width - chart.right), y = logScale(rates, chart.height - chart.bottom, chart.top);
  const [right, bottom] = [chart.width - chart.right, chart.height - chart.bottom];
  const most = Math.max(...points.map(({ kernel }) => kernel.seconds));
  const dots = points.map(({ index, kernel, intensity, gflops: reached }) => {
    const radius = 3 + 11 * Math.sqrt(kernel.seconds / most);
    return svg("circle", { class: "dot", "data-kernel": index, cx: x(intensity), cy: y(reached), r: radius },
      svg("title", {}, `${kernel.name}: ${fixed(reached, 1)} GFLOP/s, ${fixed(intensity, 2)} FLOPs a byte, ${microseconds(kernel.seconds)} µs`));
  });
  return svg("svg", { class: "chart", viewBox: `0 0 ${chart.width} ${chart.height}`, role: "img", "aria-label": "roofline" },
    ...intensities.flatMap((value) => [svg("path", { class: "grid", d: `M${x(value)},${chart.top}V${bottom}` }), svg("text", { x: x(value), y: bottom + 16, "text-anchor": "middle" }, String(value))]),
    ...rates.flatMap((value) => [svg("path", { class: "grid", d: `M${chart.left},${y(value)}H${right}` }), svg("text", { x: chart.left - 6, y: y(value) + 4, "text-anchor": "end" }, String(value))]),
    svg("text", { x: (chart.left + right) / 2, y: chart.height - 6, "text-anchor": "middle" }, "FLOPs a byte"),
    svg("text", { x: chart.left - 52, y: chart.top - 14 }, "GFLOP/s"),
    ...bandwidths.flatMap((bandwidth, i) => drawRoof(bandwidth, i, x, y, lowest)),
    ...(gflops === null ? [] : [
      svg("path", { class: "roof", d: `M${x(Math.max(Math.min(...ridges), lowest))},${y(gflops)}H${right}` }),
      svg("text", { x: right, y: y(gflops) - 4, "text-anchor": "end" }, `${fixed(gflops, 0)} GFLOP/s`),
    ]),
    ...dots);
}

function showRoofline() {
  const points = pointsOfRoofline(), note = (text) => html("p", { class: "note" }, text);
  if (facts.unmeasured)
    byId("roofline").append(note(`Kernels were not measured: ${facts.unmeasured}.`));
  else if (points.length === 0)
    byId("roofline").append(note("No kernel of known size computes anything."));
  else
    byId("roofline").append(
      note(`Each dot is a kernel, and its area the time that it takes. Of ${facts.runs} runs with ${facts.threads} thread${facts.threads > 1 ? "s" : ""} on the machine that compiled, the least counts.`),
      ...(facts.limits ? [] : [note("What the machine can do could not be measured.")]), drawRoofline(points));
}
