"""Options that existing code sets: onnxruntime's names. What Lepton has no use for is kept, and without effect."""


class GraphOptimizationLevel:
    """Lepton optimizes in full; `opt_level` of InferenceSession is its own."""

    ORT_DISABLE_ALL, ORT_ENABLE_BASIC, ORT_ENABLE_EXTENDED, ORT_ENABLE_LAYOUT, ORT_ENABLE_ALL = 0, 1, 2, 3, 99


class ExecutionMode:
    ORT_SEQUENTIAL, ORT_PARALLEL = 0, 1


class SessionOptions:
    """intra_op_num_threads: threads that take part in a run; 0: one. Sizes of dimensions are compiled in, and results have the same bits in every run in any case.
    Anything else has no effect."""

    def __init__(self):
        self.intra_op_num_threads = 0
        self.inter_op_num_threads = 0
        self.log_severity_level = 2
        self.log_verbosity_level = 0
        self.logid = ""
        self.enable_cpu_mem_arena = True
        self.enable_mem_pattern = True
        self.enable_mem_reuse = True
        self.enable_profiling = False
        self.execution_mode = ExecutionMode.ORT_SEQUENTIAL
        self.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
        self.optimized_model_filepath = ""
        self.profile_file_prefix = "onnxruntime_profile_"
        self.use_deterministic_compute = False
        self.use_per_session_threads = True
        self._entries = {}
        self._dims = {}

    def add_session_config_entry(self, key, value):
        self._entries[key] = value

    def get_session_config_entry(self, key):
        return self._entries[key]

    def add_free_dimension_override_by_name(self, name, size):
        """Fixes a named dimension of the model."""
        self._dims[name] = size

    def has_providers(self):
        return False


class RunOptions:
    """Of one run; without effect."""

    def __init__(self):
        self.log_severity_level = 2
        self.log_verbosity_level = 0
        self.logid = ""
        self.only_execute_path_to_fetches = False
        self.terminate = False
        self._entries = {}

    def add_run_config_entry(self, key, value):
        self._entries[key] = value

    def get_run_config_entry(self, key):
        return self._entries[key]


def get_available_providers():
    return ["CPUExecutionProvider"]


def get_all_providers():
    return get_available_providers()


def get_device():
    return "CPU"


def set_default_logger_severity(severity):
    """Lepton writes no log."""


def set_default_logger_verbosity(verbosity):
    """Lepton writes no log."""


def enable_telemetry_events():
    """Lepton sends nothing to anybody."""


def disable_telemetry_events():
    """Lepton sends nothing to anybody."""
