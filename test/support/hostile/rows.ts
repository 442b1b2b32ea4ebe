// A table of hostile sources as tests: each row says what is uploaded and what comes back, and the bounds on memory and
// time that it may not pass. With PROOFSHEET_TEST_FIGURES=1 the measured figures are printed for docs/RELIABILITY.md.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../gate.js';
import { HostileServer, outcomeTable } from './hostile-server.js';

export interface HostileRow {
  readonly what: string;
  readonly source: () => Buffer | Promise<Buffer>;
  /** Status and numeric code; 200/0 for a source that has to be converted. */
  readonly answer: readonly [status: number, code: number];
  /** What the message has to name. */
  readonly says?: string | RegExp;
  /** Highest resident memory of the converter child, in MiB; a bare child has 70 or so. Default 256. */
  readonly atMostMiB?: number;
  /** Processor time in ms of server and converters together; default 10,000. */
  readonly atMostCpuMs?: number;
}

export const CONVERTED = [200, 0] as const;
export const TOO_LARGE = [413, 4131] as const;
export const REFUSED_TYPE = [415, 4150] as const;
export const UNDECODABLE = [422, 4220] as const;
export const TIMED_OUT = [504, 5040] as const;

/** A server of its own for the rows, and a test for each. */
export function describeHostile(
  title: string,
  rows: readonly HostileRow[],
  environment: Readonly<Record<string, string>> = {},
): void {
  describe(title, () => {
    let hostile: HostileServer;
    beforeAll(async () => {
      // A row and the good source after it share a child: what earlier rows took of memory is gone.
      hostile = await HostileServer.start({ PROOFSHEET_CONVERTER_RECYCLE_AFTER: '2', ...environment });
    });
    afterAll(async () => {
      if (process.env.PROOFSHEET_TEST_FIGURES === '1') process.stdout.write(`${outcomeTable(hostile.outcomes)}\n`);
      // Whatever came, no child crashed and none answered nonsense.
      for (const reason of ['crash', 'nonsense']) {
        expect(await hostile.metric('proofsheet_converter_exits_total', `reason="${reason}"`)).toBe(0);
      }
      const granted = () => hostile.metric('proofsheet_in_flight_bytes');
      await until(async () => (await granted()) === 0, 'all memory is given back');
      await hostile.close();
    });

    test.each(rows)('$what: $answer', { timeout: 180_000 }, async (row) => {
      const before = await hostile.keyCount();
      const outcome = await hostile.throwAt(await row.source(), row.what);
      expect([outcome.status, outcome.code, outcome.message]).toEqual([...row.answer, expect.any(String)]);
      if (row.says !== undefined) expect(outcome.message).toMatch(row.says);
      expect(outcome.childPeakMiB).toBeLessThan(row.atMostMiB ?? 256);
      expect(outcome.cpuMs).toBeLessThan(row.atMostCpuMs ?? 10_000);
      const refused = outcome.status !== 200;
      await hostile.expectUnharmed(refused ? outcome : undefined);
      // The good source, and this one if it was converted.
      expect(await hostile.keyCount()).toBe(before + (refused ? 1 : 2));
    });
  });
}
