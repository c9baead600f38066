showSummary();
showKernels();
showGraph();
showPhases();
