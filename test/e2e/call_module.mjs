// call_module.mjs MODULE TYPE SHAPE NUMBER...: what a page in a browser does with a module: calls its functions, and writes into its memory
// what lepton_abi.h says. Its model takes a tensor, of TYPE `float` or `int64` and a SHAPE as `2,4`, and gives one of floats. Prints the result, or
// why there is none.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [file, type, sizes, ...numbers] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1" });
const { instance } = await WebAssembly.instantiate(await readFile(file), { wasi_snapshot_preview1: wasi.wasiImport });
wasi.initialize(instance);
const { memory, malloc, free, ...lepton } = instance.exports;

const [dtype, ArrayType, convert] = { float: [1, Float32Array, Number], int64: [7, BigInt64Array, BigInt] }[type];
const dims = sizes.split(",").map(BigInt), bytes = numbers.length * ArrayType.BYTES_PER_ELEMENT;
const TENSOR_BYTES = 24; // data and shape, addresses; type and rank; the size of the data, of 8 bytes
const place = malloc(4), error = malloc(1024), data = malloc(bytes), shape = malloc(8 * dims.length);
const input = malloc(TENSOR_BYTES), output = malloc(TENSOR_BYTES);

const view = () => new DataView(memory.buffer); // anew each time: a memory that grows is another buffer
const word = (address) => view().getUint32(address, true);
function text(address) {
  const bytes = new Uint8Array(memory.buffer, address);
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}
function check(status) {
  if (status !== 0) {
    console.error(text(error));
    process.exit(1);
  }
}

const MODEL = 8; // its place in lepton_api
const model = word(lepton.lepton_artifact_api() + MODEL);
check(lepton.lepton_session_create(model, 0, place, error));
const session = word(place);

new ArrayType(memory.buffer, data, numbers.length).set(numbers.map(convert));
new BigInt64Array(memory.buffer, shape, dims.length).set(dims);
new Uint32Array(memory.buffer, input, 4).set([data, shape, dtype, dims.length]);
view().setBigUint64(input + 16, BigInt(bytes), true);
new Uint8Array(memory.buffer, output, TENSOR_BYTES).fill(0);
for (let run = 0; run < 3; ++run) {
  lepton.lepton_tensor_release(output);
  check(lepton.lepton_session_run(session, input, output, error));
}
console.log(Array.from(new Float32Array(memory.buffer, word(output), word(output + 16) / 4)).join(" "));
lepton.lepton_tensor_release(output);
lepton.lepton_session_destroy(session);
free(data);
