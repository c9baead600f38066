//===- LeptonOps.td - all ops, a file per family --------------------------------------------------------------------===//

#ifndef LEPTON_OPS_TD
#define LEPTON_OPS_TD

include "dialects/Lepton/Elementwise.td"
include "dialects/Lepton/Map.td"
include "dialects/Lepton/Movement.td"
include "dialects/Lepton/Indexing.td"
include "dialects/Lepton/Reduction.td"
include "dialects/Lepton/Resize.td"
include "dialects/Lepton/Sampling.td"
include "dialects/Lepton/Selection.td"
include "dialects/Lepton/Random.td"
include "dialects/Lepton/Contraction.td"
include "dialects/Lepton/Winograd.td"
include "dialects/Lepton/Control.td"
include "dialects/Lepton/Schedule.td"
include "dialects/Lepton/Classic.td"
include "dialects/Lepton/Text.td"
include "dialects/Lepton/Image.td"
include "dialects/Lepton/Sequence.td"

#endif // LEPTON_OPS_TD
