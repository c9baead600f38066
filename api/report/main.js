showSummary();
showKernels();
showGraph();
showRoofline();
showMemory();
showSchedules();
showPhases();
showPasses();
