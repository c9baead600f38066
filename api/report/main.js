showSummary();
showKernels();
showGraph();
showRoofline();
showMemory();
showPhases();
