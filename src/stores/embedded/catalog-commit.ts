// What is written into the catalog in one transaction: a source with its groups, or a pyramid of a source that is there.
import type { Digest } from '../../kernel/digest.js';
import type { CommitRequest } from '../../kernel/ports/catalog.js';
import type { Clock } from '../../kernel/ports/clock.js';
import { namedBlobs } from '../../kernel/source.js';
import { keepingPyramids, withPyramid } from '../../kernel/zoom/kept-pyramids.js';
import type { PagePyramid } from '../../kernel/zoom/pyramid-index.js';
import { laterThan } from '../creation-time.js';
import { type ContextKeys, secondsOf } from './catalog-keys.js';
import type { CatalogLedger } from './catalog-ledger.js';
import type { BlobFileCheck } from './long-changes.js';

export interface CommitParts {
  readonly names: ContextKeys;
  readonly files: BlobFileCheck;
  readonly clock: Clock;
}

/** As `Catalog.commit` has it. */
export function commitIn(
  ledger: CatalogLedger,
  { names, files, clock }: CommitParts,
  { source: given, groups, existing }: CommitRequest,
): readonly Digest[] {
  const known = ledger.source(given.digest);
  const standing = known && ledger.record(given.digest);
  const source = keepingPyramids(given, standing, ({ digest, bytes }) => files.isStored(digest, bytes));
  const blobs = namedBlobs(source);
  const effective = groups
    .map((group) => ({ ...group, key: names.groupKey(group) }))
    .filter(({ key }) => {
      const group = existing === 'replace' ? undefined : ledger.group(key);
      return group === undefined || group.sourceDigest === source.digest;
    });
  if (known === undefined && effective.length === 0) {
    ledger.disown(blobs);
    return [];
  }
  // Late work of a sequence that somebody else finished meanwhile: what is complete stays.
  const late = known?.complete === true && !source.complete && standing?.sequenceId === source.sequenceId;
  if (!late) {
    const missing = blobs.filter(({ digest, bytes }) => !files.isStored(digest, bytes));
    if (missing.length > 0) return missing.map(({ digest }) => digest);
  }
  const now = clock.now();
  if (!late) ledger.putSource(source, secondsOf(now));
  for (const { key, fileName, context } of effective) {
    const before = ledger.group(key);
    ledger.nameContext(key, context);
    ledger.putGroup(key, {
      sourceDigest: source.digest,
      createdAt: laterThan(before?.createdAt, now, before?.sourceDigest !== source.digest),
      lastUsed: secondsOf(now),
      revision: ledger.change(),
      fileName,
    });
  }
  if (late) ledger.disown(blobs);
  return [];
}

/** As `Catalog.addPyramid` has it. */
export function addPyramidIn(
  ledger: CatalogLedger,
  { files, clock }: CommitParts,
  source: Digest,
  pyramid: PagePyramid,
): 'added' | 'no-source' | 'no-blob' {
  const { digest, bytes } = pyramid;
  const standing = ledger.source(source) && ledger.record(source);
  if (standing === undefined) {
    ledger.disown([{ digest, bytes, kind: 'preview' }]);
    return 'no-source';
  }
  if (!files.isStored(digest, bytes)) return 'no-blob';
  ledger.putSource(withPyramid(standing, pyramid), secondsOf(clock.now()));
  return 'added';
}
