/* The plain C interface between a compiled model, the runtime linked into it, and whoever loads it.
 *
 * This is the only header that the compiler shares with the runtime. Every struct that crosses the border starts with
 * what a newer or older side needs to recognise it; fields are only ever added at the end.
 *
 * Shapes are in elements, sizes in bytes, layouts are dense row-major. A bool takes one byte, 0 or 1. An element of a type narrower than a
 * byte takes a byte, as in NumPy's ml_dtypes (only files of ONNX pack them): its bits are the lowest, those above are written as 0 and not read.
 * A float that C has no type for is passed as its bits, a complex number as its real part and then its imaginary one.
 */
#ifndef LEPTON_ABI_H
#define LEPTON_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEPTON_ABI_VERSION 2u

/* Element types; the numbers are those of ONNX's TensorProto.DataType (IR version 14). */
typedef enum lepton_dtype {
  LEPTON_FLOAT = 1,
  LEPTON_UINT8 = 2,
  LEPTON_INT8 = 3,
  LEPTON_UINT16 = 4,
  LEPTON_INT16 = 5,
  LEPTON_INT32 = 6,
  LEPTON_INT64 = 7,
  LEPTON_STRING = 8,
  LEPTON_BOOL = 9,
  LEPTON_FLOAT16 = 10,
  LEPTON_DOUBLE = 11,
  LEPTON_UINT32 = 12,
  LEPTON_UINT64 = 13,
  LEPTON_COMPLEX64 = 14,
  LEPTON_COMPLEX128 = 15,
  LEPTON_BFLOAT16 = 16,
  LEPTON_FLOAT8E4M3FN = 17,
  LEPTON_FLOAT8E4M3FNUZ = 18,
  LEPTON_FLOAT8E5M2 = 19,
  LEPTON_FLOAT8E5M2FNUZ = 20,
  LEPTON_UINT4 = 21,
  LEPTON_INT4 = 22,
  LEPTON_FLOAT4E2M1 = 23,
  LEPTON_FLOAT8E8M0 = 24,
  LEPTON_UINT2 = 25,
  LEPTON_INT2 = 26,
  LEPTON_FLOAT6E2M3 = 27,
  LEPTON_FLOAT6E3M2 = 28,
  /* Not of ONNX's numbers: a list of tensors or maps, a value that may be missing, and values by keys (see lepton_tensor). */
  LEPTON_SEQUENCE = 256,
  LEPTON_OPTIONAL = 257,
  LEPTON_MAP = 258
} lepton_dtype;

typedef enum lepton_status {
  LEPTON_OK = 0,
  LEPTON_INVALID_ARGUMENT = 1, /* an input has the wrong name, type, rank or shape; an index is out of range */
  LEPTON_OUT_OF_MEMORY = 2,
  LEPTON_INCOMPATIBLE = 3, /* another ABI version, or a CPU without the features that the code needs */
  LEPTON_INTERNAL = 4
} lepton_status;

/* What went wrong, in words. Always NUL-terminated; empty after LEPTON_OK. */
typedef struct lepton_error {
  char message[1024];
} lepton_error;

/* A dense row-major tensor in memory that the caller owns, unless the runtime allocated it (see lepton_session_run).
 *
 * The elements of a tensor of strings are `const char *`, UTF-8 ended by a NUL. A sequence is a tensor of rank 1 whose elements are
 * lepton_tensor, each a tensor or a map; an optional is one of 0 or 1 elements, a tensor or a sequence; a map is one of 2, tensors of rank 1: its
 * keys, each once, and as many values. */
typedef struct lepton_tensor {
  void *data;           /* aligned as its elements are; may be NULL when bytes is 0 */
  const int64_t *shape; /* rank entries; NULL when rank is 0 */
  uint32_t dtype;       /* lepton_dtype */
  uint32_t rank;
  uint64_t bytes; /* size of data */
} lepton_tensor;

/* What a model says of one of its inputs or outputs. */
typedef struct lepton_value_info {
  const char *name;
  const int64_t *shape;         /* rank entries; -1 where the size is known only at run time */
  const char *const *dim_names; /* rank entries; NULL where the dimension has no name. Equal names are equal sizes */
  uint32_t dtype;
  uint32_t rank;
  /* What a sequence or an optional holds; two for a map, its keys and its values; NULL for a tensor. Its rank is LEPTON_ANY_RANK where tensors of
   * several ranks may occur. */
  const struct lepton_value_info *element;
} lepton_value_info;

#define LEPTON_ANY_RANK UINT32_MAX

typedef struct lepton_context lepton_context; /* one run in flight; private to the runtime */

/* The compiled network: reads its inputs from the context, leaves its outputs there. A lepton_status. */
typedef int32_t (*lepton_entry_function)(lepton_context *context);

/* The sizes that the dimensions of one name may have. */
typedef struct lepton_dim_bounds {
  const char *name;
  int64_t minimum, maximum; /* both included */
} lepton_dim_bounds;

/* What a GPU runs of a model, and the part of the runtime that knows such GPUs. */
typedef struct lepton_device_code {
  const void *image; /* of the kernels: PTX, ended by a NUL, a module of SPIR-V, or machine code; aligned to 64 bytes */
  const void *machine_code;    /* of the same, for GPUs of one generation; NULL: the driver makes its own */
  const void *weights;         /* the model's constants */
  const char *const *messages; /* what a kernel's fault word says, less 1 */
  uint64_t message_count;
  uint64_t replayable; /* 1: every run launches the same kernels on the same memory */
  const struct lepton_device_runtime *runtime;
  uint64_t image_bytes;
  uint64_t tensor_bytes; /* of the largest tensor of a kernel whose size is known */
} lepton_device_code;

/* Where an artifact has the model's constants. */
typedef enum lepton_weights_place {
  LEPTON_WEIGHTS_EMBEDDED = 0, /* among its other constant data */
  LEPTON_WEIGHTS_SECTION = 1,  /* on pages of their own, all of the section .lepton.weights */
  LEPTON_WEIGHTS_FILE = 2      /* in a file beside it */
} lepton_weights_place;

/* A file beside the artifact that holds a model's constants: a lepton_weights_header, then the constants. */
typedef struct lepton_weights_file {
  const char *name;   /* in the artifact's folder */
  const char *sha256; /* of the constants, 64 hexadecimal digits */
} lepton_weights_file;

#define LEPTON_WEIGHTS_MAGIC "LEPTONW"
#define LEPTON_ENCRYPTED_WEIGHTS_MAGIC "LEPTONX"
#define LEPTON_WEIGHTS_VERSION 1u

/* Begins such a file; its size keeps the constants aligned to 64 bytes. */
typedef struct lepton_weights_header {
  char magic
      [8]; /* LEPTON_WEIGHTS_MAGIC; LEPTON_ENCRYPTED_WEIGHTS_MAGIC where a key opens the constants (docs/library.md) */
  uint32_t version;
  uint32_t header_bytes; /* sizeof(lepton_weights_header) */
  uint64_t weights_bytes;
  char sha256[64];  /* of the constants */
  uint8_t salt[32]; /* of an encrypted file; otherwise 0 */
  char reserved[8];
} lepton_weights_header;

/* A compiled model: constant data inside the artifact. */
typedef struct lepton_model {
  uint32_t abi_version;
  uint32_t struct_bytes; /* sizeof(lepton_model) when the artifact was built */
  const char *name;      /* of the graph */
  const char *target;    /* e.g. "x86_64-unknown-linux-gnu:x86-64-v3" */
  const char *features;  /* CPU features that the code needs, comma-separated, as in /proc/cpuinfo; may be empty */
  const lepton_value_info *inputs;
  const lepton_value_info *outputs;
  uint32_t input_count;
  uint32_t output_count;
  uint64_t arena_bytes;   /* static workspace of one run */
  uint64_t weights_bytes; /* constants, shared by all sessions */
  uint64_t hash;          /* of the graph and its weights */
  uint32_t default_threads;
  uint32_t kernel_count;
  lepton_entry_function entry;
  const lepton_dim_bounds *dim_bounds; /* dim_bound_count entries; names not among them may have any size */
  uint64_t dim_bound_count;
  const lepton_device_code *device_code;   /* NULL: the CPU runs the kernels too */
  const lepton_weights_file *weights_file; /* NULL: the constants are in the artifact */
  uint64_t weights_place;                  /* lepton_weights_place */
} lepton_model;

/* A caller's own threads, in place of those that a session makes.
 *
 * A pool or an observer may leave lepton_session_run by an exception or a longjmp, from the thread that called it and with no task still running. The next
 * run is as right as any. The memory of the run that was left stays with its session until that is destroyed, outputs that it allocated are the caller's to
 * release, and a pool that was left is not called again by that session. */
typedef struct lepton_pool {
  void *data;
  uint32_t threads; /* how many work at a time, for which loops are cut */
  /* Calls task(argument, i) once for each i in [0, count), on whichever threads, and returns when all calls have returned.
   * It is not called again before that by one session, but by several sessions at the same time. */
  void (*run)(void *data, uint32_t count, void (*task)(void *argument, uint32_t i), void *argument);
} lepton_pool;

/* Who is told of the kernels of a model that was compiled to tell (`lepton run --profile`). */
typedef struct lepton_observer {
  void *data;
  /* Called by the thread that runs the model as it comes to a kernel, with its name, and with NULL at the end of a run. */
  void (*kernel)(void *data, const char *name);
} lepton_observer;

typedef struct lepton_options {
  uint32_t struct_bytes;   /* sizeof(lepton_options) */
  uint32_t threads;        /* threads that take part in a run, the caller's included; 0: the model's default */
  const lepton_pool *pool; /* NULL: the session makes threads of its own; otherwise `threads` is not looked at */
  const lepton_observer *observer; /* NULL: nobody is told */
  const char *weights_path; /* of the file of constants; NULL: beside the artifact, where the model has such a file */
  /* What is in the file of constants, its header first, in memory of the caller: aligned to 64 bytes, and there as long as the session. For constants that
   * are decrypted, or come from elsewhere than a file. NULL: the file is read. */
  const void *weights_data;
  uint64_t weights_bytes;
  /* Which of several GPUs runs the kernels of a model for them, from 0: as CUDA's driver counts them, and for Vulkan those first that are most likely fast. */
  uint32_t device;
} lepton_options;

typedef struct lepton_session lepton_session;

/* What a loaded artifact offers. A shared library exports `lepton_artifact_api`, which returns this table, and nothing else
 * is needed to use it; the functions are also exported by name from an archive or an object. */
typedef struct lepton_api {
  uint32_t abi_version;
  uint32_t struct_bytes;
  const lepton_model *model;
  /* Makes a session: its thread pool; contexts are made on demand. */
  lepton_status (*session_create)(const lepton_model *model, const lepton_options *options, lepton_session **session,
                                  lepton_error *error);
  /* Runs the model once. Any number of threads may call it on one session at the same time.
   * inputs: model->input_count tensors in order. outputs: model->output_count tensors: where data is NULL, the runtime allocates
   * data and shape, to be released by tensor_release; otherwise data must hold exactly the bytes of the result, and the
   * caller's shape pointer, when not NULL, is compared with the result's. dtype, rank and bytes are always filled in. */
  lepton_status (*session_run)(lepton_session *session, const lepton_tensor *inputs, lepton_tensor *outputs,
                               lepton_error *error);
  void (*session_destroy)(lepton_session *session);
  void (*tensor_release)(lepton_tensor *tensor);
} lepton_api;

const lepton_api *lepton_artifact_api(void);

/* The same functions by name. */
lepton_status lepton_session_create(const lepton_model *model, const lepton_options *options, lepton_session **session,
                                    lepton_error *error);
lepton_status lepton_session_run(lepton_session *session, const lepton_tensor *inputs, lepton_tensor *outputs,
                                 lepton_error *error);
void lepton_session_destroy(lepton_session *session); /* no run may be in flight */
void lepton_tensor_release(lepton_tensor *tensor);

/* ---- called by compiled code; private to artifact and runtime ------------------------------------------------------ */

/* Data and shape of input i; checked against the model's declaration before entry is called. */
void *lepton_rt_input(lepton_context *context, int64_t i);
const int64_t *lepton_rt_input_shape(lepton_context *context, int64_t i);
/* Where output i of these dimensions goes. Never NULL: on failure the context is marked failed, and scratch memory is returned. */
void *lepton_rt_output(lepton_context *context, int64_t i, const int64_t *shape);
/* The constants of a model that has them in a file, aligned to 64 bytes. */
const void *lepton_rt_weights(lepton_context *context);
/* The static workspace of this run, aligned to 64 bytes. */
void *lepton_rt_arena(lepton_context *context);
/* Memory whose size is known only at run time, aligned to 64 bytes; recycled by size within a context, freed with it.
 * On exhaustion the context is marked failed and the run ends by a non-local exit to session_run. */
void *lepton_rt_alloc(lepton_context *context, int64_t bytes);
/* The same for a dense result of the named ONNX node. Sizes that are negative, or whose product no memory can hold, end the run likewise. */
void *lepton_rt_alloc_tensor(lepton_context *context, const char *node, const int64_t *shape, int64_t rank,
                             int64_t element_bytes);
void lepton_rt_free(lepton_context *context, void *memory);
/* Frees what `slots` hold, but for what is among `kept`, each at most once in `slots`: that moves to the first slots, and the others become NULL. */
void lepton_rt_collect(lepton_context *context, void **slots, int64_t count, void *const *kept, int64_t kept_count);
/* body(args, begin, end) over a partition of [0, n) into ranges of at least `grain`; the caller's thread takes part. */
typedef void (*lepton_rt_body)(lepton_context *context, void *args, int64_t begin, int64_t end);
void lepton_rt_parallel_for(lepton_context *context, int64_t n, int64_t grain, lepton_rt_body body, void *args);
/* Starts a kernel of a GPU on `blocks` blocks of `threads` threads, after all that was launched before. `kinds` has a letter for each argument, 'a' for an
 * address and 'n' for a number; `values` has their places, which may be written. */
void lepton_rt_launch(lepton_context *context, const char *kernel, const char *kinds, int64_t blocks, int64_t threads,
                      void **values);
/* The word of the GPU's memory in which kernels say what went wrong: 0, or 1 more than the place of a message in lepton_device_code::messages. */
void *lepton_rt_fault(lepton_context *context);
/* What lies at an address that a kernel may have written, once all kernels launched so far are done; until the next call. */
const void *lepton_rt_fetch(lepton_context *context, const void *address, int64_t bytes);
/* Writes up to 8 bytes to where kernels that are launched later read them. */
void lepton_rt_send(lepton_context *context, void *address, const void *value, int64_t bytes);
/* Copies memory that kernels read and write, after all that was launched before. */
void lepton_rt_copy(lepton_context *context, void *to, const void *from, int64_t bytes);
/* Tells the session's observer, if there is one, of the kernel that comes next. */
void lepton_rt_kernel(lepton_context *context, const char *name);
/* Marks the run as failed with LEPTON_INVALID_ARGUMENT; the first message stays. Execution goes on (compiled code keeps every access in bounds). */
void lepton_rt_fail(lepton_context *context, const char *message);
/* The same, and ends the run by a non-local exit to session_run. */
void lepton_rt_stop(lepton_context *context, const char *message);
/* Whether this CPU has the features that the model's code needs; how an artifact for several processors chooses among its models. */
int32_t lepton_rt_suits(const lepton_model *model);
/* Status of the run so far; what entry returns. */
int32_t lepton_rt_status(lepton_context *context);

/* Defined by the compiled object where lepton_artifact_api is linked from the runtime. */
extern const lepton_model lepton_artifact_model;

#ifdef __cplusplus
}
#endif
#endif
