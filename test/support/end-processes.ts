// Runs in every test file: whatever the file has started and not ended is ended when its last test is over.
import { afterAll } from 'vitest';
import { endAll } from './processes.js';

afterAll(endAll);
