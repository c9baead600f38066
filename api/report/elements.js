// Elements of the page. What a model says only ever becomes text: no name can become markup.

const facts = JSON.parse(document.getElementById("facts").textContent);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes))
    element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const html = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const svg = (name, attributes = {}, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
const byId = (id) => document.getElementById(id);

const count = (number) => number.toLocaleString("en");
const fixed = (number, digits) => number.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

const microseconds = (seconds) => fixed(1e6 * seconds, seconds < 1e-4 ? 2 : 0);

/// A size in the unit that suits it.
function bytesText(bytes) {
  const power = Math.min(3, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${power ? fixed(bytes / 1024 ** power, 1) : count(bytes)} ${["bytes", "KiB", "MiB", "GiB"][power]}`;
}

/// A cell: text, a number that is set to the right, or an element.
function cell(content) {
  return html("td", /^[\d,.]+%?$/.test(content) ? { class: "number" } : {}, content);
}

/// The cells that show a part of the whole as a number and as a bar.
function share(part) {
  const percent = fixed(100 * part, 1) + "%";
  return [cell(percent), html("td", { class: "share" }, html("div", { style: `width:${percent}` }))];
}

function table(columns, rows) {
  return html("table", {}, html("tr", {}, ...columns.map((column) => html("th", {}, column))), ...rows);
}
