// All rows of the benchmark. Memory comes last, since it takes the longest.
import type { RowGroup } from './row-group.js';
import { autoRule } from './rows/auto-rule.js';
import { classes } from './rows/classes.js';
import { cluster } from './rows/cluster.js';
import { cpu } from './rows/cpu.js';
import { deepZoom } from './rows/deep-zoom.js';
import { diskHits } from './rows/disk-hits.js';
import { documentList } from './rows/document-list.js';
import { endurance } from './rows/endurance.js';
import { files } from './rows/files.js';
import { hits } from './rows/hits.js';
import { isolation } from './rows/isolation.js';
import { library } from './rows/library.js';
import { million } from './rows/million.js';
import { onDemand } from './rows/on-demand.js';
import { rest } from './rows/rest.js';
import { saturation } from './rows/saturation.js';
import { smallUploads } from './rows/small-uploads.js';
import { wall } from './rows/wall.js';
import { zoomReading } from './rows/zoom-reading.js';

export const ROW_GROUPS: readonly RowGroup[] = [
  hits,
  diskHits,
  cpu,
  classes,
  autoRule,
  wall,
  million,
  saturation,
  isolation,
  smallUploads,
  onDemand,
  cluster,
  documentList,
  deepZoom,
  zoomReading,
  rest,
  files,
  library,
  endurance,
];
