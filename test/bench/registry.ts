// All rows of the benchmark. Memory comes last, since it takes the longest.
import type { RowGroup } from './row-group.js';
import { cpu } from './rows/cpu.js';
import { diskHits } from './rows/disk-hits.js';
import { endurance } from './rows/endurance.js';
import { hits } from './rows/hits.js';
import { isolation } from './rows/isolation.js';
import { million } from './rows/million.js';
import { saturation } from './rows/saturation.js';
import { wall } from './rows/wall.js';

export const ROW_GROUPS: readonly RowGroup[] = [hits, diskHits, cpu, wall, million, saturation, isolation, endurance];
