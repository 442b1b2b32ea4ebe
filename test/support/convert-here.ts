// One conversion in this very process, where breakpoints hold: `npm run convert -- photo.jpg 800x600 [more formats]`. The server's
// own limits apply, whatever the environment says of them; previews are left in a new directory, which is told.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import { loadConfig } from '../../src/config/load-config.js';
import { convertSource, WorkTally } from '../../src/convert/convert-source.js';
import { allowOnly } from '../../src/convert/loaders.js';
import { parseFormat } from '../../src/kernel/format.js';

const [sourcePath, ...wished] = process.argv.slice(2);
if (sourcePath === undefined) throw new Error('expected a source file and target formats, got nothing');
const { conversion, limits, sequence } = loadConfig();
const outputDir = await mkdtemp(join(tmpdir(), 'converted-'));
const tally = new WorkTally();

// As a converter child is set up: see src/convert/child.ts.
sharp.cache(false);
sharp.concurrency(1);
allowOnly(limits.sourceTypes);

const { info, metadata, previews } = await convertSource(
  {
    sourcePath,
    formats: (wished.length > 0 ? wished : sequence.targetFormats).map(parseFormat),
    outputDir,
    encodesAtOnce: 1,
  },
  { ...limits, timeoutMs: conversion.timeoutMs, auto: sequence.auto, flush: false },
  {
    admit: async (sourceType, costBytes) => console.log(`${sourceType}, would be admitted with ${costBytes} bytes`),
    wantedReady: () => undefined,
  },
  tally,
);
console.log(JSON.stringify({ info, metadata }, undefined, 2));
for (const { formats, widthPx, heightPx, bytes, path } of previews)
  console.log(`${formats.join(', ')}: ${widthPx}x${heightPx}, ${bytes} bytes, ${basename(path)}`);
console.log(`decodes: ${tally.decodes.sequence + tally.decodes.again}; previews in ${outputDir}`);
