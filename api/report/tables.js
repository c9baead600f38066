// The summary and the tables.

/// What is known of a kernel, as pairs of names and texts.
function factsOf(kernel) {
  return [
    ["calls", count(kernel.calls)],
    ["FLOPs of a call", kernel.flops === null ? "unknown" : count(kernel.flops)],
    ["bytes of a call", kernel.bytes === null ? "unknown" : count(kernel.bytes)],
  ];
}

function showSummary() {
  document.title = facts.model;
  document.querySelector("h1").textContent = facts.model;
  byId("warnings").append(...facts.warnings.map((warning) => html("p", { class: "warning" }, warning)));
  byId("summary").append(table([], facts.summary.map(([name, value]) => html("tr", {}, html("td", {}, name), html("td", {}, value)))));
}

/// The kernels, those first that compute most.
function showKernels() {
  const work = (kernel) => (kernel.flops ?? 0) * kernel.calls;
  const total = facts.kernels.reduce((sum, kernel) => sum + work(kernel), 0);
  const order = facts.kernels.map((_, i) => i).sort((a, b) => work(facts.kernels[b]) - work(facts.kernels[a]));
  const rows = order.map((i) => {
    const kernel = facts.kernels[i], [calls, flops] = factsOf(kernel).map(([, text]) => text);
    return html("tr", { "data-kernel": i }, cell(html("code", {}, kernel.name)), cell(kernel.ops.map((op) => op.name).join(", ")), cell(calls), cell(flops),
      ...share(total ? work(kernel) / total : 0));
  });
  const list = table(["kernel", "ops", "calls", "FLOPs of a call", "of all FLOPs", ""], rows);
  list.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-kernel]");
    const element = row && [...document.querySelectorAll(".node")].find(({ dataset }) => String(facts.graph[dataset.index].kernel) === row.dataset.kernel);
    if (!element)
      return;
    select(element);
    centre(element, 1);
    byId("graph").scrollIntoView();
  });
  byId("kernels").append(list);
}

function showPhases() {
  const total = facts.phases.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = facts.phases.map(({ name, seconds }) => html("tr", {}, cell(name), cell(fixed(1000 * seconds, 1)), ...share(total ? seconds / total : 0)));
  rows.push(html("tr", {}, cell("all"), cell(fixed(1000 * total, 1)), html("td"), html("td")));
  byId("phases").append(table(["phase", "milliseconds", "share", ""], rows));
}
