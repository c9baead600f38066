/* The C interface of liblepton, in strict C99. */
#include "api/lepton.h"

#include <stdio.h>
#include <string.h>

static int failures;

static void expect(int holds, const char *what, const lepton_error *error) {
  if (!holds)
    fprintf(stderr, "failed: %s (%s)\n", what, error->message);
  failures += !holds;
}

static lepton_node node(const char *name, const char *op, const char *const *inputs, uint32_t count) {
  lepton_node made;
  memset(&made, 0, sizeof made);
  made.struct_bytes = sizeof made;
  made.name = name;
  made.op = op;
  made.inputs = inputs;
  made.input_count = count;
  made.output_count = 1;
  return made;
}

static void add(lepton_graph *graph, lepton_node made, lepton_error *error) {
  expect(lepton_graph_add(graph, &made, error) == LEPTON_OK, made.name, error);
}

/* y[N, 2] = x[N, 3] w + celu(x w, 2) for a w of ones. */
static lepton_graph *build(lepton_error *error) {
  static float ones[6] = {1, 1, 1, 1, 1, 1};
  static double alpha = 2;
  int64_t input_shape[2] = {-1, 3}, weight_shape[2] = {3, 2};
  const char *dims[2] = {"N", NULL}, *product[2] = {"x", "w"}, *sum[2] = {"product", "activated"};
  lepton_value_info input = {"x", input_shape, dims, LEPTON_FLOAT, 2, NULL};
  lepton_tensor weight = {ones, weight_shape, LEPTON_FLOAT, 2, sizeof ones};
  lepton_attribute attribute = {"alpha", {&alpha, NULL, LEPTON_DOUBLE, 0, sizeof alpha}};
  lepton_node matmul = node("product", "MatMul", product, 2), celu = node("activated", "Celu", sum, 1);
  lepton_graph *graph = lepton_graph_create("small", 0);
  celu.attributes = &attribute;
  celu.attribute_count = 1;
  matmul.struct_bytes = offsetof(lepton_node, bodies); /* of an older version, which has no bodies */
  matmul.bodies = (const lepton_body_attribute *)1;
  matmul.body_count = 1;
  expect(lepton_graph_input(graph, &input, error) == LEPTON_OK, "input", error);
  expect(lepton_graph_constant(graph, "w", &weight, error) == LEPTON_OK, "constant", error);
  expect(lepton_graph_add(graph, &matmul, error) == LEPTON_OK, "matmul", error);
  product[0] = "w";
  matmul.name = "faulty";
  expect(lepton_graph_add(graph, &matmul, error) == LEPTON_INVALID_ARGUMENT, "refusal of a node", error);
  expect(strncmp(error->message, "node 'faulty' (MatMul): operands differ in the inner dimension", 62) == 0, "words",
         error);
  expect(lepton_graph_output(graph, "y", "nothing", error) == LEPTON_INVALID_ARGUMENT, "refusal of an output", error);
  add(graph, celu, error);
  add(graph, node("y", "Add", sum, 2), error);
  expect(lepton_graph_output(graph, "y", "y", error) == LEPTON_OK, "output", error);
  return graph;
}

/* chosen = positive ? x + x : -x, then three times state = state + chosen, from x on. */
static lepton_graph *build_bodies(lepton_error *error) {
  int64_t two = 2, three = 3;
  const char *twice[2] = {"x", "x"}, *sum[2] = {"state", "chosen"}, *given[3] = {"times", NULL, "x"};
  const char *condition[1] = {"positive"}, *yes[1] = {"doubled"}, *no[1] = {"negated"}, *next[2] = {"go", "next"};
  lepton_value_info x = {"x", &two, NULL, LEPTON_FLOAT, 1, NULL},
                    positive = {"positive", NULL, NULL, LEPTON_BOOL, 0, NULL};
  lepton_value_info state = x, go = positive, step = {"step", NULL, NULL, LEPTON_INT64, 0, NULL};
  lepton_tensor times = {&three, NULL, LEPTON_INT64, 0, sizeof three};
  lepton_body_attribute branches[2] = {{"then_branch", "yes"}, {"else_branch", "no"}}, body = {"body", "again"};
  lepton_node choose = node("chosen", "If", condition, 1), loop = node("y", "Loop", given, 3);
  lepton_graph *graph = lepton_graph_create("bodies", 0);
  state.name = "state";
  go.name = "go";
  choose.bodies = branches;
  choose.body_count = 2;
  loop.bodies = &body;
  loop.body_count = 1;
  expect(lepton_graph_input(graph, &x, error) == LEPTON_OK, "input of the model", error);
  expect(lepton_graph_input(graph, &positive, error) == LEPTON_OK, "condition", error);
  expect(lepton_graph_constant(graph, "times", &times, error) == LEPTON_OK, "count", error);
  expect(lepton_graph_body_end(graph, NULL, 0, error) == LEPTON_INVALID_ARGUMENT, "an end without a beginning", error);
  expect(lepton_graph_body_begin(graph, "yes", error) == LEPTON_OK, "beginning", error);
  add(graph, node("doubled", "Add", twice, 2), error);
  expect(lepton_graph_body_end(graph, no, 1, error) == LEPTON_INVALID_ARGUMENT, "refusal of a result", error);
  expect(lepton_graph_write(graph, "never.onnx", NULL, error) == LEPTON_INVALID_ARGUMENT, "an open body", error);
  expect(strcmp(error->message, "graph 'bodies': the body 'yes' has not ended") == 0, "words", error);
  expect(lepton_graph_body_end(graph, yes, 1, error) == LEPTON_OK, "ending", error);
  expect(lepton_graph_add(graph, &choose, error) == LEPTON_INVALID_ARGUMENT, "a missing branch", error);
  expect(strcmp(error->message, "node 'chosen' (If): there is no body 'no' that has ended") == 0, "words", error);
  expect(lepton_graph_body_begin(graph, "yes", error) == LEPTON_INVALID_ARGUMENT, "a name that is taken", error);
  expect(lepton_graph_body_begin(graph, "no", error) == LEPTON_OK, "beginning", error);
  add(graph, node("negated", "Neg", twice, 1), error);
  expect(lepton_graph_body_end(graph, no, 1, error) == LEPTON_OK, "ending", error);
  add(graph, choose, error);
  expect(lepton_graph_body_begin(graph, "again", error) == LEPTON_OK, "beginning", error);
  expect(lepton_graph_body_input(graph, &step, error) == LEPTON_OK, "iteration", error);
  expect(lepton_graph_body_input(graph, &go, error) == LEPTON_OK, "condition of the loop", error);
  expect(lepton_graph_body_input(graph, &state, error) == LEPTON_OK, "state", error);
  add(graph, node("next", "Add", sum, 2), error);
  expect(lepton_graph_body_end(graph, next, 2, error) == LEPTON_OK, "ending", error);
  add(graph, loop, error);
  expect(lepton_graph_output(graph, "y", "y", error) == LEPTON_OK, "output of the model", error);
  return graph;
}

static void run_bodies(lepton_error *error) {
  lepton_graph *graph = build_bodies(error);
  lepton_executable *model = NULL;
  expect(lepton_graph_open(graph, NULL, &model, error) == LEPTON_OK, "compiling bodies", error);
  lepton_graph_destroy(graph);
  for (int positive = 0; model && positive < 2; ++positive) {
    float x[2] = {1, 2}, y[2];
    int64_t two = 2;
    unsigned char condition = (unsigned char)positive;
    lepton_tensor inputs[2] = {{NULL, NULL, LEPTON_FLOAT, 1, sizeof x}, {NULL, NULL, LEPTON_BOOL, 0, 1}};
    lepton_tensor output = {NULL, NULL, LEPTON_FLOAT, 1, sizeof y};
    inputs[0].data = x;
    inputs[0].shape = &two;
    inputs[1].data = &condition;
    output.data = y;
    expect(lepton_executable_run(model, inputs, &output, error) == LEPTON_OK, "running bodies", error);
    expect(y[0] == (positive ? 7 : -2) && y[1] == 2 * y[0], "result of bodies", error);
  }
  lepton_executable_destroy(model);
}

static void run(const lepton_executable *model, lepton_error *error) {
  float x[6] = {1, 2, 3, 4, 5, 6}, y[4];
  int64_t shape[2] = {2, 3};
  lepton_tensor input, output = {NULL, NULL, 0, 0, 0};
  input.data = x;
  input.shape = shape;
  input.dtype = LEPTON_FLOAT;
  input.rank = 2;
  input.bytes = sizeof x;
  expect(lepton_executable_run(model, &input, &output, error) == LEPTON_OK, "run", error);
  expect(output.bytes == sizeof y && ((float *)output.data)[3] == 30, "result", error);
  lepton_executable_release(model, &output);
  output.data = y;
  output.shape = NULL;
  output.bytes = sizeof y;
  expect(lepton_executable_run(model, &input, &output, error) == LEPTON_OK && y[0] == 12, "own memory", error);
}

/* Constants that a key opens: the same one for compiling and for loading. */
static void encrypt(const char *folder, const char *model, lepton_error *error) {
  lepton_compile_options options = LEPTON_COMPILE_OPTIONS;
  lepton_executable *loaded = NULL;
  char key[4096], library[4096];
  FILE *file;
  snprintf(key, sizeof key, "%s/key", folder);
  snprintf(library, sizeof library, "%s/sealed.so", folder);
  file = fopen(key, "wb");
  expect(file && fputs("32 bytes, of which each is known.", file) >= 0 && fclose(file) == 0, "writing a key", error);
  options.weights = "file";
  options.weights_key = key;
  expect(lepton_compile_file(model, library, &options, error) == LEPTON_INVALID_ARGUMENT, "a key of 33 bytes", error);
  file = fopen(key, "wb");
  expect(file && fputs("32 bytes, of which each is known", file) >= 0 && fclose(file) == 0, "writing a key", error);
  expect(lepton_compile_file(model, library, &options, error) == LEPTON_OK, "encrypting", error);
  expect(lepton_open(library, NULL, &loaded, error) == LEPTON_INVALID_ARGUMENT && !loaded, "no key", error);
  expect(lepton_open(library, &options, &loaded, error) == LEPTON_OK, "decrypting", error);
  if (!loaded)
    return;
  run(loaded, error);
  lepton_executable_destroy(loaded);
}

int main(int argc, char **argv) {
  lepton_error error = {""};
  lepton_compile_options options = LEPTON_COMPILE_OPTIONS;
  lepton_dim_bounds bounds = {"N", 1, 8};
  lepton_executable *model = NULL;
  lepton_graph *graph = build(&error);
  char file[4096];
  if (argc != 2)
    return 2;

  expect(lepton_graph_open(graph, NULL, &model, &error) == LEPTON_OK, "compiling a graph", &error);
  run(model, &error);
  lepton_executable_destroy(model);

  snprintf(file, sizeof file, "%s/small.onnx", argv[1]);
  expect(lepton_graph_write(graph, file, NULL, &error) == LEPTON_OK, "writing ONNX", &error);
  lepton_graph_destroy(graph);
  options.dims = &bounds;
  options.dim_count = 1;
  options.threads = 2;
  expect(lepton_open(file, &options, &model, &error) == LEPTON_OK, "opening a model", &error);
  expect(lepton_executable_model(model)->dim_bound_count == 1 && lepton_executable_model(model)->default_threads == 2,
         "options", &error);
  run(model, &error);
  lepton_executable_destroy(model);
  encrypt(argv[1], file, &error);
  run_bodies(&error);

  /* A caller of an older version, whose options end before dims: they are not read. */
  options.struct_bytes = offsetof(lepton_compile_options, dims);
  options.dim_count = 0;
  options.dims = (const lepton_dim_bounds *)1;
  expect(lepton_open(file, &options, &model, &error) == LEPTON_OK, "older options", &error);
  lepton_executable_destroy(model);

  expect(lepton_open("no such file", NULL, &model, &error) == LEPTON_INVALID_ARGUMENT && !model, "no file", &error);
  expect(strstr(error.message, "no such file: cannot be read") != NULL, "words", &error);
  puts(failures ? "FAILED" : "ok");
  return failures != 0;
}
