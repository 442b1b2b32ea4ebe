// A pyramid that is refused for the moment, since too much is under way, is made once there is room.
import { expect, it } from 'vitest';
import type { Context } from '../../../src/kernel/image-key.js';
import type { Pyramid } from '../../../src/kernel/zoom/pyramid-index.js';
import { BackgroundWork } from '../../../src/previews/background-work.js';
import { PyramidMaker, type PyramidMakerDeps } from '../../../src/previews/zoom/pyramid-maker.js';
import { FakeClock } from '../../support/fake-clock.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { FakeMetrics } from '../../support/fake-metrics.js';
import { Gate, until } from '../../support/gate.js';
import { blobOf, testSource } from '../../support/records.js';

it('a refusal for the moment is not kept', async () => {
  const background = new BackgroundWork({ maxTasks: 1, logger: new FakeLogger() });
  const { record } = testSource('a');
  const pyramid: Pyramid = {
    digest: blobOf('tiles').digest,
    bytes: 10,
    indexDigest: blobOf('index').digest,
    type: 'jpg',
  };
  const deps: Partial<PyramidMakerDeps> = {
    background,
    // Somebody else has made it meanwhile, so that nothing is converted here.
    catalog: { findSource: async () => ({ ...record, pyramid }) } as unknown as PyramidMakerDeps['catalog'],
    blobs: { has: async () => true } as unknown as PyramidMakerDeps['blobs'],
    clock: new FakeClock(),
    metrics: new FakeMetrics(),
    waitMs: 60_000,
  };
  const maker = new PyramidMaker(deps as PyramidMakerDeps);
  const made = () => maker.made({ record, page: 1, size: { widthPx: 1, heightPx: 1 }, type: 'jpg' }, '' as Context);
  const other = new Gate();
  other.shut();
  background.run('other work', () => other.pass());
  for (let attempt = 0; attempt < 3; attempt++)
    await expect(made()).rejects.toMatchObject({ code: 'overloaded', message: expect.stringContaining('too much') });
  other.open();
  await until(() => background.size === 0, 'there is room');
  expect(await made()).toEqual(pyramid);
});
