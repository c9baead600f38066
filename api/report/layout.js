// Where the boxes of a graph stand: layers from above to below (Sugiyama). An edge that crosses layers has a point in each of them, which is placed
// like a box, so that edges pass between the boxes.

const box = { height: 36, gap: 24, layer: 84, character: 7, shortest: 70, point: 6 };

const mean = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/// The layer of each node, below those of its inputs. Inputs come before their users; what has none stands right above its first user.
function layersOf(nodes) {
  const layers = nodes.map(() => 0), highest = nodes.map(() => Infinity);
  nodes.forEach((node, i) => {
    for (const input of node.inputs)
      layers[i] = Math.max(layers[i], layers[input] + 1);
  });
  nodes.forEach((node, i) => node.inputs.forEach((input) => { highest[input] = Math.min(highest[input], layers[i]); }));
  return layers.map((layer, i) => (nodes[i].inputs.length === 0 && highest[i] < Infinity ? highest[i] - 1 : layer));
}

/// Boxes and points by layer, each with its neighbours in the layers above and below, and the items that each edge passes through.
function itemsOf(nodes, layers) {
  const rows = Array.from({ length: Math.max(...layers) + 1 }, () => []), edges = [];
  const add = (layer, width) => {
    const item = { width, layer, x: 0, above: [], below: [] };
    rows[layer].push(item);
    return item;
  };
  const link = (upper, lower) => {
    upper.below.push(lower);
    lower.above.push(upper);
  };
  const boxes = nodes.map((node, i) => add(layers[i], Math.max(box.shortest, box.character * Math.max(node.title.length, node.type.length) + 16)));
  const chains = boxes.map((item) => [item]); // the users of a value share its points
  nodes.forEach((node, i) => {
    for (const input of node.inputs) {
      const chain = chains[input];
      while (boxes[input].layer + chain.length < layers[i]) {
        chain.push(add(boxes[input].layer + chain.length, box.point));
        link(chain.at(-2), chain.at(-1));
      }
      const path = chain.slice(0, layers[i] - boxes[input].layer);
      link(path.at(-1), boxes[i]);
      edges.push({ from: input, to: i, items: [...path, boxes[i]] });
    }
  });
  return { rows, boxes, edges };
}

/// Orders each layer by where the neighbours stand, from above to below and back, so that few edges cross.
function orderRows(rows) {
  const number = (row) => row.forEach((item, i) => { item.x = i / row.length; });
  rows.forEach(number);
  for (let sweep = 0; sweep < 8; ++sweep) {
    const side = sweep % 2 ? "below" : "above";
    for (const row of sweep % 2 ? [...rows].reverse() : rows) {
      const wanted = new Map(row.map((item) => [item, item[side].length ? mean(item[side].map((other) => other.x)) : item.x]));
      row.sort((a, b) => wanted.get(a) - wanted.get(b));
      number(row);
    }
  }
}

/// Moves each item of a row to where it wants to be, as far as the order and the widths allow: the mean of pushing all to the right and all to the left.
function spread(row, wanted) {
  const distance = (i) => (row[i].width + row[i + 1].width) / 2 + box.gap;
  const right = [...wanted], left = [...wanted];
  for (let i = 1; i < row.length; ++i)
    right[i] = Math.max(right[i], right[i - 1] + distance(i - 1));
  for (let i = row.length - 2; i >= 0; --i)
    left[i] = Math.min(left[i], left[i + 1] - distance(i));
  row.forEach((item, i) => { item.x = (left[i] + right[i]) / 2; });
}

/// Each node's place, `{x, y, width}` of a box's middle, and each edge's points.
function layOut(nodes) {
  const { rows, boxes, edges } = itemsOf(nodes, layersOf(nodes));
  orderRows(rows);
  for (const row of rows)
    spread(row, row.map(() => 0));
  for (let sweep = 0; sweep < 12; ++sweep)
    for (const row of sweep % 2 ? [...rows].reverse() : rows)
      spread(row, row.map((item) => {
        const neighbours = item.above.length && (sweep % 2 === 0 || !item.below.length) ? item.above : item.below;
        return neighbours.length ? mean(neighbours.map((other) => other.x)) : item.x;
      }));
  const place = (item) => ({ x: item.x, y: item.layer * box.layer, width: item.width });
  return { boxes: boxes.map(place), edges: edges.map(({ from, to, items }) => ({ from, to, points: items.map(place) })) };
}
