/* The public interface in C, of the library liblepton: compiles models and runs them.
 *
 *   lepton_error error;
 *   lepton_executable *model;
 *   if (lepton_open("model.onnx", NULL, &model, &error) != LEPTON_OK) puts(error.message);
 *   lepton_executable_run(model, inputs, outputs, &error);
 *   lepton_executable_destroy(model);
 *
 * The interface is stable: functions are only added, structs that a caller fills begin with their size and only grow at their end, where a library
 * reads no more than the caller has. What a caller gives is read before a function returns and not kept. Text is UTF-8, ended by a NUL.
 * Where the system refuses memory to a run, that returns an error; where it does so to a compilation, the process ends: max_memory bounds what one takes.
 *
 * Whoever only runs models that were compiled before needs no library but the artifact itself: lepton_abi.h.
 */
#ifndef LEPTON_H
#define LEPTON_H

#include "lepton_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How a model is compiled. Begin with LEPTON_COMPILE_OPTIONS; NULL stands for it wherever options are taken. */
typedef struct lepton_compile_options {
  uint32_t struct_bytes;         /* sizeof(lepton_compile_options) */
  uint32_t threads;              /* threads that take part in a run, the caller's included */
  uint32_t opt_level;            /* 0: every operation a kernel of plain loops; 3: everything */
  uint32_t dim_count;            /* entries of dims */
  const char *target;            /* triple; NULL: this machine */
  const char *cpu;               /* processor; NULL: this machine's */
  const lepton_dim_bounds *dims; /* sizes of named dimensions of an ONNX model; equal bounds fix a size */
  const char *
      emit; /* kind of file: shared, archive, obj, exe, asm, llvm, mlir, bytecode, header; NULL: from the file's ending */
  const char *tuning_db;  /* file of tuned schedules to obey, made by `lepton tune`; NULL: none */
  double max_seconds;     /* a compilation that takes longer is given up at its next step; 0: no bound */
  uint64_t max_memory;    /* bytes: one during which the process has more in memory is given up likewise; 0: no bound */
  const char *verify_key; /* file of a public key: only an artifact that it signed is opened; NULL: any */
  const char *audit;      /* file to which a line of JSON is added for each artifact that is opened; NULL: none */
  const char *weights;    /* where an artifact has its constants: embed, file, section; NULL: embed */
  const char *runtime;    /* full, or none: an object or archive that needs nothing but itself; NULL: full */
  uint32_t deterministic; /* not 0: the same bits on all processors with fused multiply-add, in longer time */
  const char
      *weights_key; /* file of a key of 32 bytes, with which the file of constants is encrypted; NULL: it is not */
  uint32_t device;  /* which of several GPUs runs the model in this process, as lepton_options counts them */
} lepton_compile_options;

#define LEPTON_COMPILE_OPTIONS                                                                                         \
  {sizeof(lepton_compile_options), 1, 3, 0, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, 0, NULL, 0}

/* "0.1.0" */
const char *lepton_version(void);

/* Compiles a model (ONNX, or Lepton's dialect as text or bytecode) to a file; a header comes to lie beside a library, an archive or an object. */
lepton_status lepton_compile_file(const char *model, const char *output, const lepton_compile_options *options,
                                  lepton_error *error);

/* ---- models in this process ------------------------------------------------------------------------------------------ */

typedef struct lepton_executable lepton_executable;

/* Compiles a model, or loads it where the file is an artifact. */
lepton_status lepton_open(const char *path, const lepton_compile_options *options, lepton_executable **executable,
                          lepton_error *error);
/* Compiles a model in memory, in ONNX's format or the dialect's bytecode. */
lepton_status lepton_open_bytes(const void *data, size_t size, const lepton_compile_options *options,
                                lepton_executable **executable, lepton_error *error);
/* Inputs, outputs, sizes; valid as long as the executable is. */
const lepton_model *lepton_executable_model(const lepton_executable *executable);
/* Runs the model once, on memory of the caller, as lepton_session_run does (lepton_abi.h). Any number of threads may call it at the same time. */
lepton_status lepton_executable_run(const lepton_executable *executable, const lepton_tensor *inputs,
                                    lepton_tensor *outputs, lepton_error *error);
/* Frees what a run allocated for an output. */
void lepton_executable_release(const lepton_executable *executable, lepton_tensor *tensor);
/* No run may be in flight. */
void lepton_executable_destroy(lepton_executable *executable);

/* ---- graphs ---------------------------------------------------------------------------------------------------------- */

/* A network built by the program, of ONNX's operators; its values go by their names. */
typedef struct lepton_graph lepton_graph;

/* An attribute of an operator, by the name that ONNX has for it: of rank 0 a number or text, of rank 1 a list. Integers are of int64, numbers of float or
 * double. */
typedef struct lepton_attribute {
  const char *name;
  lepton_tensor value;
} lepton_attribute;

/* A body of a branch or loop (If, Loop, Scan), made by lepton_graph_body_end. */
typedef struct lepton_body_attribute {
  const char *name; /* of the attribute: "then_branch" */
  const char *body;
} lepton_body_attribute;

typedef struct lepton_node {
  uint32_t struct_bytes; /* sizeof(lepton_node) */
  uint32_t input_count;
  uint32_t attribute_count;
  uint32_t output_count;     /* one is named like the node, several "NAME.0", "NAME.1" and so on */
  const char *name;          /* that nothing else in the graph has */
  const char *op;            /* "Conv"; "domain::Name" outside of ONNX's own domain */
  const char *const *inputs; /* names of values; NULL for one that is left out */
  const lepton_attribute *attributes;
  const lepton_body_attribute *bodies;
  uint32_t body_count;
} lepton_node;

/* opset: the version of ONNX's operators; 0: the one that Lepton builds by default. */
lepton_graph *lepton_graph_create(const char *name, uint32_t opset);
void lepton_graph_destroy(lepton_graph *graph);
/* Of the input, name, shape, dim_names, dtype and rank are read. */
lepton_status lepton_graph_input(lepton_graph *graph, const lepton_value_info *input, lepton_error *error);
/* A weight or another constant, which is copied. */
lepton_status lepton_graph_constant(lepton_graph *graph, const char *name, const lepton_tensor *tensor,
                                    lepton_error *error);
/* Shapes and types are checked at once; the error names the node and the reason. A node that is refused changes nothing. */
lepton_status lepton_graph_add(lepton_graph *graph, const lepton_node *node, lepton_error *error);
/* Begins the body of a branch or loop: until its end, nodes go into it. They may use all values around it, of which a body within a body sees more. */
lepton_status lepton_graph_body_begin(lepton_graph *graph, const char *name, lepton_error *error);
/* What the body of a loop is given, in the order in which ONNX's Loop or Scan gives it; read as by lepton_graph_input. */
lepton_status lepton_graph_body_input(lepton_graph *graph, const lepton_value_info *input, lepton_error *error);
/* Ends the body that was begun last, with what it returns. */
lepton_status lepton_graph_body_end(lepton_graph *graph, const char *const *results, uint32_t count,
                                    lepton_error *error);
/* Makes a value an output of the model. */
lepton_status lepton_graph_output(lepton_graph *graph, const char *name, const char *value, lepton_error *error);
/* Writes the model as ONNX's format (.onnx; one of more than 2 GB with its constants in NAME.onnx.data beside it) or Lepton's dialect (.mlir, .mlirbc), or
 * compiles it to an artifact (.so, .a, .o). */
lepton_status lepton_graph_write(lepton_graph *graph, const char *output, const lepton_compile_options *options,
                                 lepton_error *error);
lepton_status lepton_graph_open(lepton_graph *graph, const lepton_compile_options *options,
                                lepton_executable **executable, lepton_error *error);

#ifdef __cplusplus
}
#endif
#endif
