// The program of a converter child: waits for one job at a time, converts it, says how it went. It has no secrets, no
// network, no cache; the parent may kill it at any moment, and it ends itself when the parent is gone.
import sharp from 'sharp';
import { ProofsheetError } from '../kernel/errors.js';
import type { Conversion } from '../kernel/ports/converter.js';
import { type ConversionSteps, convertSource, WorkTally } from './convert-source.js';
import { freeDeadBuffers } from './dead-buffers.js';
import { asConversionError } from './decoder-errors.js';
import { drawSource } from './draw-source.js';
import { allowOnly } from './loaders.js';
import type { ChildSettings, FromChild, JobMessage, ProceedMessage, RefuseMessage, ToChild } from './protocol.js';
import { ReadBuffer } from './read-buffer.js';
import { drawsText } from './text-check.js';
import { DecodedTiles } from './zoom/decoded-tiles.js';
import { makePyramid } from './zoom/make-pyramid.js';
import { drawRegion } from './zoom/region.js';
import { tellPages } from './zoom/tell-pages.js';

const settings = JSON.parse(process.argv[2] ?? '') as ChildSettings;

sharp.cache(false);
sharp.concurrency(1);
allowOnly(settings.sourceTypes, settings.streams === true);

const buffer = new ReadBuffer();
const tiles = new DecodedTiles();

/** Ends the current job's wait for memory. */
let answerHeader: ((answer: ProceedMessage | RefuseMessage) => void) | undefined;

process.on('message', (message: ToChild) => {
  if (message.kind === 'job') void run(message);
  else answerHeader?.(message);
});

// process.exit would wait for a decoder that is stuck; this does not.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C goes to the whole process group: the parent decides when its children end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

await warmUp();
send({ kind: 'ready' });
if (settings.tellsOfText) send({ kind: 'text', drawn: await drawsText() });

async function run(job: JobMessage): Promise<void> {
  const { id } = job;
  const tally = new WorkTally();
  const begun = process.cpuUsage();
  try {
    const steps: ConversionSteps = {
      admit: async (sourceType, costBytes) => {
        send({ kind: 'header', id, sourceType, costBytes });
        const answer = await new Promise<ProceedMessage | RefuseMessage>((resolve) => {
          answerHeader = resolve;
        });
        if (answer.kind === 'refuse') throw new ProofsheetError('source-limits-exceeded', answer.reason);
      },
      wantedReady: (info, metadata, preview) => send({ kind: 'wanted', id, info, metadata, preview }),
    };
    const { drawing } = job;
    const isRegion = job.zoom?.kind === 'region';
    const conversion = await (isRegion
      ? drawRegion(job, settings, tally, tiles)
      : workOf(job)(job, settings, steps, tally));
    if (conversion === undefined) {
      send({ kind: 'lacks', id });
      return;
    }
    const isEmpty = (drawing !== undefined || job.zoom?.kind === 'pages') && conversion.previews.length === 0;
    const counts = countsOf(tally, begun);
    const rssBytes = process.memoryUsage.rss();
    const stays = isRegion && { tiles: tiles.digests };
    send({ kind: 'done', id, conversion, ...(isEmpty && { headerOnly: true }), counts, rssBytes, ...stays });
  } catch (error) {
    const { code, message, cause, uncertain } = asConversionError(error);
    const detail = cause instanceof Error ? (cause.stack ?? cause.message).slice(0, 2000) : '';
    send({
      kind: 'failed',
      id,
      code,
      message,
      detail,
      ...(uncertain && { uncertain }),
      counts: countsOf(tally, begun),
    });
  }
  // Not before the work's own frames are gone, which hold the last of its pixels.
  setImmediate(freeDeadBuffers);
}

type Work = (job: JobMessage, of: ChildSettings, steps: ConversionSteps, tally: WorkTally) => Promise<Conversion>;

/** Of all but regions. Whatever is not of tiles may be of anybody: no pixels of others are there any more by then. */
function workOf({ zoom, drawing }: JobMessage): Work {
  tiles.forget();
  if (drawing) return (job, ...rest) => drawSource({ ...job, drawing }, ...rest, buffer);
  if (zoom === undefined) return (job, ...rest) => convertSource(job, ...rest, buffer);
  const make = zoom.kind === 'pyramid' ? makePyramid : tellPages;
  return (job, ...rest) => make(job, ...rest, buffer);
}

function countsOf({ decodes, encodes }: WorkTally, begun: NodeJS.CpuUsage) {
  const { user, system } = process.cpuUsage(begun);
  return { decodes: { ...decodes }, encodes: { ...encodes }, cpuSeconds: (user + system) / 1_000_000 };
}

function send(message: FromChild): void {
  process.send?.(message);
}

/** The first conversion of a process pays for loading code and building tables; here nobody waits for it. */
async function warmUp(): Promise<void> {
  const raw = { width: 64, height: 64, channels: 3 } as const;
  await sharp(Buffer.alloc(64 * 64 * 3, 128), { raw })
    .resize(16, 16)
    .jpeg()
    .toBuffer();
}
