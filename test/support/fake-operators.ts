// What the dialects of operators answer from, one of each and never more: for tests of what only the edge decides.
import { randomUUID } from 'node:crypto';
import type { EdgeDependencies } from '../../src/http/edge-dependencies.js';
import { type Digest, digestOf } from '../../src/kernel/digest.js';
import { DEFAULT_CONTEXT, type GroupRef } from '../../src/kernel/image-key.js';
import type { Receipt } from '../../src/kernel/takedown/receipt.js';
import type { Tombstone } from '../../src/kernel/takedown/tombstone.js';
import { safeMetadata } from '../../src/previews/group-metadata.js';
import type { Operators } from '../../src/previews/operators.js';
import type { Overview } from '../../src/previews/overview.js';
import type { Reconcile } from '../../src/previews/reconcile/reconcile-service.js';
import type { Takedown } from '../../src/previews/takedown/answers.js';
import type { FakePreviews } from './fake-previews.js';

/** The source that failed, was blocked and was taken away. */
export const FAILED: Digest = digestOf(Buffer.from('a source that failed'));
export const RECEIPT_ID = `tkd_${'0'.repeat(32)}`;
const AT = Date.UTC(2026, 0, 1);
const SINCE = new Date(AT).toISOString();
const NO_AMOUNT = { blobs: 0, bytes: 0 };

const OVERVIEW: Overview = {
  at: AT,
  servers: [],
  rates: { requests: 1, hits: 1, misses: 0, conversions: 0, failures: 0, sentBytes: 1 },
  levels: { queueAgeMs: 0, memoryBytes: 1, storedBytes: 1 },
  usage: { groups: 1, keys: 1, sources: 1, previewBytes: 1, sourceBytes: 1 },
  limits: { maxGroups: 10 },
};

const RECEIPT: Receipt = {
  id: RECEIPT_ID,
  ...{
    takenDownAt: SINCE,
    issuedAt: SINCE,
    by: randomUUID(),
    reason: 'ticket 1',
    selection: { by: 'content', content: FAILED },
  },
  ...{ groups: { removed: 0, named: [] }, lasting: { tier: 'disk', ...NO_AMOUNT } },
  ...{ stillNamed: 0, undeleted: 0, derivatives: 0, originals: [], keptOriginals: 0, nodes: [] },
  ...{ blocked: { contents: [], until: null }, unblocked: [] },
  cdn: { state: 'none', surrogateKeys: 0, messages: 0, sent: 0 },
  ...{ isUnderWay: false, isComplete: true },
};
const TOMBSTONE: Tombstone = { content: FAILED, reason: 'ticket 1', since: AT };
const STANDING = {
  control: { run: 'run', wanted: 'running', perMinute: 0, startedAt: AT },
  progress: { run: 'run', looked: 1, made: 1, failed: 0, stuck: 0, seconds: 1, at: AT, isOver: false },
} as const;

/** `previews`: what is looked up, and what is told to fail; asked for by each call, since a server makes its own. */
export function fakeOperators(
  previews: () => FakePreviews,
): Required<Pick<EdgeDependencies, 'operators' | 'takedown' | 'reconcile'>> {
  const given = async <Value>(value: Value): Promise<Value> => {
    previews().passOrFail();
    return value;
  };
  const operators: Operators = {
    async *watch() {
      yield await given(OVERVIEW);
    },
    overview: () => given(OVERVIEW),
    contexts: () => given([{ context: DEFAULT_CONTEXT, groups: 1, bytes: 1 }]),
    async lookUp(ref: GroupRef) {
      const entry = previews().entry(ref);
      const metadata = await previews().metadata(ref);
      const stored = entry.source.previews.map((preview) => ({ ...preview, isStored: true }));
      const publicTags = safeMetadata(metadata).groups;
      return { entry, metadata, publicTags, previews: stored, isSourceStored: true, answers: [] };
    },
    refusals: () =>
      given([
        { source: FAILED, code: 'source-undecodable', message: 'no picture', strikes: 1, certain: true, until: AT },
      ]),
    forget: () => given(true),
    retry: () => given('forgotten'),
  };
  const takedown: Takedown = {
    purge: () => given({ receipt: RECEIPT }),
    receipt: () => given({ receipt: RECEIPT }),
    latest: () => given([RECEIPT]),
    block: () => given(TOMBSTONE),
    unblock: () => given(true),
    tombstones: () => given([TOMBSTONE]),
    publicKeys: () => [],
  };
  const reconcile: Reconcile = {
    plan: () =>
      given({
        ...{ sequence: 'sequence', formats: ['auto:200x150'], sources: 1, current: 1, outdated: 0, stuck: 0 },
        ...{ makes: 0, drops: 0, dropsBytes: 0, keeps: 0, keepsBytes: 0, previews: 1, previewBytes: 1, makesBytes: 0 },
      }),
    start: () => given(STANDING),
    pause: () => given(STANDING),
    stop: () => given(STANDING),
    standing: () => given(STANDING),
  };
  return { operators, takedown, reconcile };
}
