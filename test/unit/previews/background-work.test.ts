// Many tasks at once listen to one signal: as many as are allowed are no leak.
import { expect, it } from 'vitest';
import { BackgroundWork } from '../../../src/previews/background-work.js';
import { FakeLogger } from '../../support/fake-logger.js';
import { Gate } from '../../support/gate.js';

it('warns of no leak while many tasks listen to its signal', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const work = new BackgroundWork({ maxTasks: 100, logger: new FakeLogger() });
  const gate = new Gate();
  gate.shut();
  for (let n = 0; n < 100; n++) work.run('wait', (signal) => gate.pass(signal));
  // Warnings are told in a later turn of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  gate.open();
  await work.drain(1_000);
  process.off('warning', note);
  expect(warnings).toEqual([]);
});
