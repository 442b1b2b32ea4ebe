// Where what a run of the tests starts and learns is written down, for all its processes. Starts nothing itself.

/** Names the directory in which the run's processes are written down; see children/reaper.mjs. */
export const RUN_VARIABLE = 'PROOFSHEET_TEST_PROCESSES';
