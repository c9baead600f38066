//===- weights.h - Constants in a file beside the artifact ------------------===//
#ifndef LEPTON_RUNTIME_CORE_WEIGHTS_H
#define LEPTON_RUNTIME_CORE_WEIGHTS_H

#include "context.h"

namespace lepton::rt {

/// Maps the model's file of constants, if it has one, from where the options say or from beside the artifact, unless they give what is in it. All processes
/// that map it share one copy in memory.
lepton_status openWeights(lepton_session *session, const lepton_options &options, lepton_error &error);
void closeWeights(lepton_session *session);

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_WEIGHTS_H
