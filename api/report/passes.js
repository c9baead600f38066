// What the passes did: their time, the ops that they found and left, and what they say of their decisions.

/// How kernels are cut and computed.
const schedules = facts.remarks.filter(({ name }) => name === "tuned" || name === "chosen");
const schedulesOf = (kernel) => schedules.filter((remark) => remark.kernel === kernel.name);

/// Which kernels are cut and computed as was measured to be fastest, and which as the compiler chose.
function showSchedules() {
  const tuned = new Set(schedules.filter(({ name }) => name === "tuned").map(({ kernel }) => kernel));
  const kernels = new Set(schedules.map(({ kernel }) => kernel)), note = html("p", { class: "note" });
  note.textContent = tuned.size
    ? `${tuned.size} of ${kernels.size} kernels with a product or a convolution obey the tuning database.`
    : `No kernel was tuned: the compiler chose the schedules of the ${kernels.size} with a product or a convolution. lepton tune searches for faster ones.`;
  const rows = [...schedules].sort((a, b) => (b.name === "tuned") - (a.name === "tuned")).map(({ kernel, name, text }) => html("tr", {}, cell(html("code", {}, kernel)), cell(name), cell(text)));
  byId("tuned").append(note, ...(rows.length ? [html("details", {}, html("summary", {}, `${rows.length} schedules`), table(["kernel", "", "schedule"], rows))] : []));
}

function showPasses() {
  const total = facts.passes.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = facts.passes.map(({ phase, name, seconds, opsBefore, opsAfter }) => html("tr", {}, cell(phase), cell(name), cell(fixed(1000 * seconds, 1)),
    ...share(total ? seconds / total : 0), cell(count(opsBefore)), cell(opsAfter === opsBefore ? "" : count(opsAfter))));
  byId("passes").append(table(["phase", "pass", "milliseconds", "share", "", "ops before", "ops after"], rows));
  for (const pass of new Set(facts.remarks.map((remark) => remark.pass))) {
    const told = facts.remarks.filter((remark) => remark.pass === pass);
    const lines = told.map(({ node, kernel, text, missed }) => html("tr", missed ? { class: "missed" } : {}, cell(node), cell(html("code", {}, kernel)), cell(text)));
    byId("passes").append(html("details", {}, html("summary", {}, `${pass}: ${told.length} remark${told.length > 1 ? "s" : ""}`), table(["node", "kernel", "remark"], lines)));
  }
}
