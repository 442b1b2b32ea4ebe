// The Fleet port on Redis: one hash with a text of JSON for each process. Whoever can write to the server can put anything there, so
// that what has not the shape of a report is left out.
import type { Fleet } from '../../kernel/ports/fleet.js';
import { LEVELS, type ProcessReport, SUMS } from '../../kernel/process-report.js';
import type { Session } from './session.js';
import { readMany } from './session.js';

const FORGOTTEN_AFTER_MS = 60_000;
/** Longer than `FORGOTTEN_AFTER_MS`: the last of all to go takes the hash with it. */
const KEPT_MS = 300_000;
/** A report has some 40 kB. */
const MAX_TEXT = 1_000_000;

export class RedisFleet implements Fleet {
  constructor(private readonly session: Session) {}

  async tell(report: ProcessReport): Promise<void> {
    const { keys, link, deadlines } = this.session;
    const key = keys.fleet;
    const field = `${report.node}/${report.worker}`;
    await link.sendAll(
      [
        { key, args: ['HSET', key, field, JSON.stringify(report)] },
        { key, args: ['PEXPIRE', key, String(KEPT_MS)] },
      ],
      deadlines.setMs,
    );
  }

  async reports(): Promise<readonly ProcessReport[]> {
    const { keys, link, clock, deadlines } = this.session;
    const key = keys.fleet;
    const [reply] = await readMany(this.session, [{ key, args: ['HGETALL', key] }]);
    const told = fieldsOf(reply).map(([field, text]) => ({ field, report: reportOf(text) }));
    const isOver = (report: ProcessReport | undefined) =>
      report === undefined || Math.abs(clock.now() - report.at) > FORGOTTEN_AFTER_MS;
    const over = told.filter(({ report }) => isOver(report)).map(({ field }) => field);
    if (over.length > 0) await link.sendAll([{ key, args: ['HDEL', key, ...over] }], deadlines.setMs);
    return told.flatMap(({ report }) => (report === undefined || isOver(report) ? [] : [report]));
  }
}

/** A hash comes as a map, an object or a list of pairs, by the protocol that is spoken. */
function fieldsOf(reply: unknown): readonly (readonly [field: string, text: string])[] {
  if (reply instanceof Map) return [...reply].map(([field, text]) => [String(field), String(text)]);
  if (Array.isArray(reply))
    return Array.from({ length: reply.length / 2 }, (_, at) => [String(reply[2 * at]), String(reply[2 * at + 1])]);
  return Object.entries((reply ?? {}) as Record<string, unknown>).map(([field, text]) => [field, String(text)]);
}

function reportOf(text: string): ProcessReport | undefined {
  if (text.length > MAX_TEXT) return undefined;
  try {
    const report = JSON.parse(text) as ProcessReport;
    const { sums, levels } = report.figures;
    const numbers = [
      report.worker,
      report.startedAt,
      report.at,
      ...SUMS.map((n) => sums[n]),
      ...LEVELS.map((n) => levels[n]),
    ];
    const texts = [report.node, report.host, report.version];
    const isWhole = numbers.every(Number.isFinite) && texts.every((each) => typeof each === 'string');
    return isWhole && isPast(report.past) ? report : undefined;
  } catch {
    // Of another version, or of nobody: there is nothing to tell of it.
    return undefined;
  }
}

function isPast(past: ProcessReport['past']): boolean {
  if (past === undefined) return true;
  const tracks = [past.hour, past.day];
  const { newest, largest, asked } = past.sightings;
  return (
    tracks.every(
      ({ stepMs, lastSlot, values }) =>
        Number.isFinite(stepMs) &&
        Number.isFinite(lastSlot) &&
        [...SUMS, ...LEVELS].every((n) => Array.isArray(values[n])),
    ) && [past.failures, newest, largest, asked].every(Array.isArray)
  );
}
