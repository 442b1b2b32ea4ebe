// What takedowns cost a store in files while nothing is taken down: nothing that waits for the disk.
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROCESS_GONE_MS } from '../../../src/kernel/takedown/order.js';
import { LmdbEnvironment } from '../../../src/stores/embedded/lmdb-environment.js';
import { LmdbTakedowns } from '../../../src/stores/embedded/lmdb-takedowns.js';
import { withTempDir } from '../../support/temp-dir.js';

const HOLDER = { id: 'a/1/0', host: 'a', worker: 0, keepsDisk: false, followed: 0, seenAt: 1_000 };

it('a process that says again that it is there makes no commit, and is known to be there all the same', () =>
  withTempDir(async (dir) => {
    const takedowns = LmdbTakedowns.open(dir);
    const peer = LmdbTakedowns.open(dir);
    const beside = LmdbEnvironment.open(join(dir, 'takedowns'), 'full');
    await takedowns.present(HOLDER);
    const commits = beside.refresh();
    for (let at = 1; at <= 20; at++) await (at % 2 ? peer : takedowns).present({ ...HOLDER, seenAt: 1_000 + at });
    expect(beside.refresh()).toBe(commits);
    expect(await takedowns.holders(1_020)).toEqual([{ ...HOLDER, seenAt: 1_020 }]);
    expect(await peer.holders(1_019 + PROCESS_GONE_MS)).toHaveLength(1);
    await takedowns.present({ ...HOLDER, followed: 1, seenAt: 1_021 });
    expect(beside.refresh()).toBeGreaterThan(commits);
    expect(await peer.holders(1_022)).toEqual([{ ...HOLDER, followed: 1, seenAt: 1_021 }]);
    // Forgotten with its file: one that comes back is not taken for younger than it says.
    expect(await peer.holders(1_021 + PROCESS_GONE_MS)).toEqual([]);
    await takedowns.present({ ...HOLDER, seenAt: 5 });
    expect(await peer.holders(6)).toEqual([{ ...HOLDER, seenAt: 5 }]);
    await Promise.all([takedowns.close(), peer.close(), beside.close()]);
  }));
