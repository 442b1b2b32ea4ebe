// The target formats of config/default.yaml, for tests of what a server does that nobody configured.
import { z } from 'zod';
import { defaultValues } from '../../src/config/load-config.js';

export const DEFAULT_TARGET_FORMATS = z
  .object({ sequence: z.object({ targetFormats: z.array(z.string()).min(1).readonly() }) })
  .parse(defaultValues()).sequence.targetFormats;
