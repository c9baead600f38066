showSummary();
showKernels();
showGraph();
showRoofline();
showPhases();
