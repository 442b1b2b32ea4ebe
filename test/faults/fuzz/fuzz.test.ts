// Two thousand mutated requests through the whole server; `npm run fuzz` sends a hundred thousand and more.
import { expect, test } from 'vitest';
import { FUZZ_ENVIRONMENT, fuzz, keptBetween, openFiles } from '../../support/hostile/fuzzing.js';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { fuzzSeeds } from '../../support/hostile/seeds.js';

const COUNT = Number(process.env.PROOFSHEET_TEST_FUZZ ?? 2_000);
/** Another one each day finds more than the same one for ever; it is printed, and stays the same for a whole day's runs. */
const SEED = Number(process.env.PROOFSHEET_TEST_FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000));

test(`${COUNT} mutated requests: no fault of ours, no exit, no hang, no leak (seed ${SEED})`, {
  timeout: 120_000 + COUNT * 60,
}, async () => {
  const seeds = await fuzzSeeds();
  const hostile = await HostileServer.start(FUZZ_ENVIRONMENT);
  const { origin, pid } = hostile.server;
  const filesBefore = await openFiles(pid);
  const books = await fuzz({ origin, pid, seeds, seed: SEED, from: 0, to: COUNT, connections: 8 });
  expect(books.findings).toEqual([]);
  // Some got through and some were refused, or nothing was tested.
  for (const label of ['file 200', 'file 422', 'file 415', 'format 400', 'path 404', 'headers 400', 'body 400']) {
    expect([label, (books.answers.get(label) ?? 0) > 0]).toEqual([label, true]);
  }
  await hostile.expectUnharmed();
  for (const reason of ['crash', 'nonsense', 'timeout']) {
    expect(await hostile.metric('proofsheet_converter_exits_total', `reason="${reason}"`)).toBe(0);
  }
  expect(await openFiles(pid)).toBeLessThanOrEqual(filesBefore + 16);
  for (const samples of [books.serverBytes, books.childrenBytes]) {
    expect(keptBetween(samples, 0.75, 1)).toBeLessThan(keptBetween(samples, 0.25, 0.5) * 1.1);
  }
  await hostile.close();
});
