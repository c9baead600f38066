// The summary and the tables.

/// What is known of a kernel, as pairs of names and texts; empty ones are not known.
function factsOf(kernel) {
  const rate = (amount) => (kernel.seconds && amount ? fixed(amount * kernel.measuredCalls / kernel.seconds / 1e9, 1) : "");
  return [
    ["microseconds of a run", kernel.seconds ? microseconds(kernel.seconds) : ""],
    ["calls", count(kernel.calls)],
    ["FLOPs of a call", kernel.flops === null ? "unknown" : count(kernel.flops)],
    ["bytes of a call", kernel.bytes === null ? "unknown" : count(kernel.bytes)],
    ["GFLOP/s", rate(kernel.flops)],
    ["GB/s", rate(kernel.bytes)],
  ];
}

function showSummary() {
  document.title = facts.model;
  document.querySelector("h1").textContent = facts.model;
  byId("warnings").append(...facts.warnings.map((warning) => html("p", { class: "warning" }, warning)));
  byId("summary").append(table([], facts.summary.map(([name, value]) => html("tr", {}, html("td", {}, name), html("td", {}, value)))));
}

/// Shows a kernel's first call in the graph.
function findInGraph(event) {
  const row = event.target.closest("[data-kernel]");
  const element = row && [...document.querySelectorAll(".node")].find(({ dataset }) => String(facts.graph[dataset.index].kernel) === row.dataset.kernel);
  if (!element)
    return;
  select(element);
  centre(element, 1);
  byId("graph").scrollIntoView();
}

/// The kernels, those first that take most of the time, or compute most where no times are known.
function showKernels() {
  const isTimed = facts.kernels.some((kernel) => kernel.seconds);
  const cost = (kernel) => (isTimed ? kernel.seconds ?? 0 : (kernel.flops ?? 0) * kernel.calls);
  const total = facts.kernels.reduce((sum, kernel) => sum + cost(kernel), 0);
  const order = facts.kernels.map((_, i) => i).sort((a, b) => cost(facts.kernels[b]) - cost(facts.kernels[a]));
  const known = facts.kernels.map(factsOf);
  const columns = (known[0] ?? []).map(([name], i) => ({ name, i })).filter(({ i }) => known.some((pairs) => pairs[i][1] !== ""));
  const rows = order.map((i) => {
    const kernel = facts.kernels[i];
    return html("tr", { "data-kernel": i }, cell(html("code", {}, kernel.name)), cell(kernel.ops.map((op) => op.name).join(", ")),
      ...columns.map((column) => cell(known[i][column.i][1])), ...share(total ? cost(kernel) / total : 0));
  });
  byId("kernels").append(table(["kernel", "ops", ...columns.map(({ name }) => name), isTimed ? "of all time" : "of all FLOPs", ""], rows));
  byId("kernels").addEventListener("click", findInGraph);
  byId("roofline").addEventListener("click", findInGraph);
}

function showPhases() {
  const total = facts.phases.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = facts.phases.map(({ name, seconds }) => html("tr", {}, cell(name), cell(fixed(1000 * seconds, 1)), ...share(total ? seconds / total : 0)));
  rows.push(html("tr", {}, cell("all"), cell(fixed(1000 * total, 1)), html("td"), html("td")));
  byId("phases").append(table(["phase", "milliseconds", "share", ""], rows));
}
