// Pictures on demand on LMDB and files keep the contract, and a store that does nothing keeps none of it.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/kernel/digest.js';
import { LmdbDerivatives } from '../../../src/stores/embedded/lmdb-derivatives.js';
import { passedCases } from '../../contracts/contract.js';
import { derivativesCases, derivativesContract } from '../../contracts/derivatives.contract.js';
import { doNothingDerivatives } from '../../contracts/do-nothing.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { tempDir } from '../../support/temp-dir.js';

async function open() {
  const dir = await tempDir();
  const tmpDir = `${dir.path}/tmp`;
  await mkdir(tmpDir);
  const clock = new FakeClock();
  const options = { dataDir: dir.path, tmpDir, clock, logger: new FakeLogger(), metrics: new FakeMetrics() };
  const [derivatives, peer] = [LmdbDerivatives.open(options), LmdbDerivatives.open(options)];
  const subject = {
    derivatives,
    peer,
    dir: tmpDir,
    advance: async (ms: number) => clock.advance(ms),
    damage: (digest: string) =>
      writeFile(`${dir.path}/derivatives/blobs/${digest.slice(0, 2)}/${digest.slice(2, 4)}/${digest}`, 'damage'),
  };
  const close = async () => {
    await Promise.all([derivatives.close(), peer.close()]);
    await dir.remove();
  };
  return { subject, close, options };
}

derivativesContract('the embedded store of pictures on demand', open);

test('a store that does nothing passes no case of the derivatives contract', async () => {
  const dir = await tempDir();
  const subject = {
    derivatives: doNothingDerivatives,
    peer: doNothingDerivatives,
    dir: dir.path,
    advance: async () => {},
    damage: async () => {},
  };
  expect(await passedCases(derivativesCases, async () => ({ subject, close: async () => {} }))).toEqual([]);
  await dir.remove();
});

test('what cannot be read is begun anew, loudly', async () => {
  const { close, options } = await open();
  const { derivatives } = (await open()).subject;
  await derivatives.close();
  const dir = await tempDir();
  await mkdir(`${dir.path}/derivatives/rows`, { recursive: true });
  await writeFile(`${dir.path}/derivatives/rows/data.mdb`, Buffer.alloc(20_000, 7));
  const logger = new FakeLogger();
  const reopened = LmdbDerivatives.open({ ...options, dataDir: dir.path, logger });
  const path = `${options.tmpDir}/p`;
  await writeFile(path, 'bytes');
  const digest = digestOf(await readFile(path));
  await reopened.put(digest, digest, { type: 'jpg', widthPx: 1, heightPx: 1, bytes: 5, digest }, path);
  expect(await reopened.find(digest, digest)).toMatchObject({ bytes: 5 });
  expect(logger.lines.some(({ level }) => level === 'warn')).toBe(true);
  await reopened.close();
  await close();
  await dir.remove();
});
