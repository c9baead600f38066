// The graph: kernels and the values between them. The wheel and the buttons zoom, the pointer drags, a click shows what a kernel computes, and the
// search marks kernels here and in the table.

const longestTitle = 34;
const shorten = (text) => (text.length > longestTitle ? text.slice(0, longestTitle - 1) + "…" : text);

/// The facts of a node's kernel; undefined where it is none.
const kernelOf = (node) => facts.kernels[node.kernel];

function titleOf(node) {
  const kernel = kernelOf(node);
  return shorten(kernel ? kernel.ops.map((op) => op.name).join(" ") : node.name);
}

/// What a search looks through.
function wordsOf(node) {
  const kernel = kernelOf(node);
  const words = [node.name, node.node, ...(kernel ? [kernel.name, ...kernel.ops.flatMap((op) => [op.name, op.node])] : [])];
  return words.join("\n").toLowerCase();
}

function pathOf(points) {
  const parts = [`M${points[0].x},${points[0].y + box.height / 2}`];
  for (let i = 1; i < points.length; ++i) {
    const from = points[i - 1], to = points[i], isLast = i + 1 === points.length;
    const [top, bottom] = [from.y + (i === 1 ? box.height / 2 : 0), to.y - (isLast ? box.height / 2 : 0)], middle = (top + bottom) / 2;
    parts.push(`C${from.x},${middle} ${to.x},${middle} ${to.x},${bottom}`);
  }
  return parts.join("");
}

/// The part of the graph that is seen: `x` and `y` in its upper left corner, and the scale.
const camera = { x: 0, y: 0, scale: 1 };
const bounds = { left: 0, right: 1, top: 0, bottom: 1 };

function moveCamera(x, y, scale) {
  Object.assign(camera, { x, y, scale });
  byId("camera").setAttribute("transform", `scale(${scale}) translate(${-x},${-y})`);
}

/// Zooms so that the point of the canvas at (x, y) stays where it is.
function zoom(factor, x, y) {
  const scale = Math.min(8, Math.max(0.01, camera.scale * factor));
  moveCamera(camera.x + x / camera.scale - x / scale, camera.y + y / camera.scale - y / scale, scale);
}

function zoomMiddle(factor) {
  const { width, height } = byId("canvas").getBoundingClientRect();
  zoom(factor, width / 2, height / 2);
}

function showAll() {
  const { width, height } = byId("canvas").getBoundingClientRect(), margin = 20;
  const scale = Math.min(1, width / (bounds.right - bounds.left + 2 * margin), height / (bounds.bottom - bounds.top + 2 * margin));
  moveCamera((bounds.left + bounds.right - width / scale) / 2, (bounds.top + bounds.bottom - height / scale) / 2, scale);
}

/// At first all is shown, or the upper end where all would be too small to be read.
function showStart() {
  showAll();
  const readable = 0.5;
  if (camera.scale >= readable)
    return;
  const { width } = byId("canvas").getBoundingClientRect();
  moveCamera((bounds.left + bounds.right - width / readable) / 2, bounds.top - 20, readable);
}

function centre(element, scale) {
  const { width, height } = byId("canvas").getBoundingClientRect();
  moveCamera(Number(element.dataset.x) - width / scale / 2, Number(element.dataset.y) - height / scale / 2, scale);
}

function select(element) {
  for (const other of document.querySelectorAll(".node.selected"))
    other.classList.remove("selected");
  element.classList.add("selected");
  byId("details").replaceChildren(...detailsOf(facts.graph[element.dataset.index]));
}

/// The lines of a list of facts, of which those without a value are left out.
function describe(pairs) {
  return html("dl", {}, ...pairs.filter(([, value]) => value !== "").flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]));
}

function detailsOf(node) {
  const kernel = kernelOf(node);
  const lines = [html("h3", {}, kernel ? kernel.name : node.name), describe([["node", node.node], ["gives", node.type], ["runs", node.times > 1 ? `${count(node.times)} times` : ""]])];
  if (!kernel)
    return lines;
  return [
    ...lines,
    describe(factsOf(kernel)),
    describe(schedulesOf(kernel).map(({ name, text }) => [name, text])),
    html("p", {}, "It computes, in one pass:"),
    html("ol", {}, ...kernel.ops.map((op) => html("li", {}, html("code", {}, op.name), op.node ? ` of node ${op.node}` : ""))),
  ];
}

function search() {
  const text = byId("search").value.trim().toLowerCase(), nodes = [...document.querySelectorAll(".node")];
  const found = nodes.filter((element) => text && wordsOf(facts.graph[element.dataset.index]).includes(text));
  const kernels = new Set(found.map((element) => String(facts.graph[element.dataset.index].kernel)));
  byId("canvas").classList.toggle("searching", text !== "");
  nodes.forEach((element) => element.classList.toggle("found", found.includes(element)));
  document.querySelectorAll("[data-kernel]").forEach((row) => row.classList.toggle("found", kernels.has(row.dataset.kernel)));
  byId("matches").textContent = text ? `${found.length} of ${nodes.length}` : "";
  return found;
}

function drawGraph() {
  facts.graph.forEach((node) => { node.title = titleOf(node); });
  const { boxes, edges } = layOut(facts.graph);
  const paths = edges.map(({ points }) => svg("path", { class: "edge", d: pathOf(points) }));
  const slowest = Math.max(...facts.kernels.map((kernel) => kernel.seconds ?? 0));
  const nodes = facts.graph.map((node, i) => {
    const { x, y, width } = boxes[i], seconds = kernelOf(node)?.seconds;
    const fill = seconds ? { style: `fill: rgb(255 165 90 / ${seconds / slowest})` } : {}; // the more of the time, the darker
    return svg("g", { class: `node ${node.kind}`, transform: `translate(${x},${y})`, "data-index": i, "data-x": x, "data-y": y },
      svg("title", {}, kernelOf(node)?.name ?? node.name),
      svg("rect", { x: -width / 2, y: -box.height / 2, width, height: box.height, rx: 5, ...fill }),
      svg("text", { y: -2 }, node.title), svg("text", { class: "type", y: 12 }, node.type));
  });
  byId("camera").append(...paths, ...nodes);
  Object.assign(bounds, {
    left: Math.min(...boxes.map(({ x, width }) => x - width / 2)), right: Math.max(...boxes.map(({ x, width }) => x + width / 2)),
    top: -box.height / 2, bottom: Math.max(...boxes.map(({ y }) => y)) + box.height / 2,
  });
}

function listen() {
  const canvas = byId("canvas");
  let next = 0; // of what was found
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { left, top } = canvas.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - left, event.clientY - top);
  }, { passive: false });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons & 1)
      moveCamera(camera.x - event.movementX / camera.scale, camera.y - event.movementY / camera.scale, camera.scale);
  });
  canvas.addEventListener("click", (event) => {
    const element = event.target.closest(".node");
    if (element)
      select(element);
  });
  byId("closer").addEventListener("click", () => zoomMiddle(1.4));
  byId("farther").addEventListener("click", () => zoomMiddle(1 / 1.4));
  byId("fit").addEventListener("click", showAll);
  byId("search").addEventListener("input", () => { next = 0; search(); });
  byId("search").addEventListener("keydown", (event) => {
    const found = event.key === "Enter" ? search() : [];
    if (found.length === 0)
      return;
    const element = found[next++ % found.length];
    select(element);
    centre(element, Math.max(camera.scale, 1));
  });
}

function showGraph() {
  if (facts.graph.length === 0) {
    byId("graph").replaceChildren(html("h2", {}, "Graph"), html("p", { class: "note" }, "The compilation ended before it formed kernels."));
    return;
  }
  drawGraph();
  listen();
  showStart();
}
