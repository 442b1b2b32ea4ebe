// Twelve hundred mutated requests through the whole server, others each day; `npm run fuzz` sends a hundred thousand and more.
import { expect, test } from 'vitest';
import { fuzz, fuzzEnvironment, openFiles, settledBytes, settledChildrenBytes } from '../../support/hostile/fuzzing.js';
import { HostileServer } from '../../support/hostile/hostile-server.js';
import { fuzzSeeds } from '../../support/hostile/seeds.js';
import { freePort } from '../../support/ports.js';

const COUNT = Number(process.env.PROOFSHEET_TEST_FUZZ ?? 1_200);
/** Another one each day finds more than the same one for ever; it is printed, and stays the same for a whole day's runs. */
const SEED = Number(process.env.PROOFSHEET_TEST_FUZZ_SEED ?? Math.floor(Date.now() / 86_400_000));
/** Own memory of a converter after some hundred small conversions. */
const CHILD_BYTES = 100 * 1024 * 1024;

test(`${COUNT} mutated requests: no fault of ours, no exit, no hang, no leak (seed ${SEED})`, {
  // It only ends a run that hangs: each request is judged by itself, and a busy machine has taken more than six minutes.
  timeout: 600_000 + COUNT * 200,
}, async () => {
  const seeds = await fuzzSeeds();
  const inspectorPort = await freePort();
  const hostile = await HostileServer.start(fuzzEnvironment(inspectorPort));
  const { origin, pid } = hostile.server;
  const filesBefore = await openFiles(pid);
  const run = (from: number, to: number) => fuzz({ origin, seeds, seed: SEED, from, to, connections: 8 });
  // Until everything is loaded and every cache is full, memory grows as it should.
  const warmUp = await run(0, COUNT / 2);
  const before = await settledBytes(pid, inspectorPort);
  const books = [warmUp, await run(COUNT / 2, COUNT)];
  let after = await settledBytes(pid, inspectorPort);
  let [grown, most] = [after - before, before * 0.1];
  // Garbage that is not collected yet is there at one time and not at another, and some code is met late. A leak grows by the same again
  // with as many requests more, and has less room for it then.
  for (let more = COUNT; grown >= most && more < 3 * COUNT; more += COUNT / 2) {
    most = before * 0.05;
    books.push(await run(more, more + COUNT / 2));
    const then = after;
    after = await settledBytes(pid, inspectorPort);
    grown = after - then;
  }
  expect(grown).toBeLessThan(most);
  // Two children, each replaced after 200 conversions: they never have much more than when they are fresh.
  expect(await settledChildrenBytes(pid)).toBeLessThan(2 * CHILD_BYTES);
  expect(books.flatMap(({ findings }) => findings)).toEqual([]);
  // Some got through and some were refused, or nothing was tested.
  for (const label of ['file 200', 'file 422', 'file 415', 'format 400', 'path 404', 'headers 400', 'body 400']) {
    expect([label, books.some(({ answers }) => (answers.get(label) ?? 0) > 0)]).toEqual([label, true]);
  }
  await hostile.expectUnharmed();
  for (const reason of ['crash', 'nonsense', 'timeout']) {
    expect(await hostile.metric('proofsheet_converter_exits_total', `reason="${reason}"`)).toBe(0);
  }
  expect(await openFiles(pid)).toBeLessThanOrEqual(filesBefore + 16);
  await hostile.close();
});
