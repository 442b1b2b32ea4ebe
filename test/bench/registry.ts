// All rows of the benchmark, in the order of the table.
import type { RowGroup } from './row-group.js';
import { hits } from './rows/hits.js';

export const ROW_GROUPS: readonly RowGroup[] = [hits];
