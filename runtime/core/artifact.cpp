//===- artifact.cpp - The table that an artifact offers ---------------------===//
//
// A member of the archive of its own: it is linked when the artifact asks for lepton_artifact_api and defines the
// model.
//
//===----------------------------------------------------------------------===//
#include "lepton_abi.h"

extern "C" __attribute__((visibility("protected"))) const lepton_api *lepton_artifact_api(void) {
  static const lepton_api api = {LEPTON_ABI_VERSION,    sizeof(lepton_api), &lepton_artifact_model,
                                 lepton_session_create, lepton_session_run, lepton_session_destroy,
                                 lepton_tensor_release};
  return &api;
}
