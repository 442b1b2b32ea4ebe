// Finding groups: from what the node remembers while that is sure to be true, from Redis otherwise, and while Redis is
// away from what was remembered before. Damaged records are removed, counted and absent.
import type { Digest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { CatalogEntry, SourceRecord } from '../../kernel/source.js';
import { unreachable } from '../backend-errors.js';
import type { Coherence } from './coherence.js';
import type { RemovalCondition } from './group-index.js';
import { groupName, groupShard } from './key-layout.js';
import { joinEntry, type NodeMemory, type Reading } from './node-memory.js';
import { decodeGroup, decodeSource, type StoredGroup, type StoredSource, TOKEN_CHARACTERS } from './record-codec.js';
import { healingTypes, type Session } from './session.js';

/** A group may be replaced between reading it and its source; more often than this is not chance. */
const MAX_ATTEMPTS = 4;

interface Found<T> {
  readonly value: T;
  /** Length of the record's text. */
  readonly bytes: number;
}

export class CatalogReader {
  /** Told of groups that cannot be answered; with what must still hold when they are removed for that. */
  onDangling: (ref: GroupRef, condition: RemovalCondition) => Promise<void> = async () => {};

  constructor(
    private readonly session: Session,
    private readonly memory: NodeMemory,
    private readonly coherence: Coherence,
  ) {}

  /** Another one each time that is asked for while nothing may be answered without asking. */
  get generation(): number {
    if (!this.coherence.mayAnswerAlone) this.memory.changed();
    return this.memory.generation;
  }

  changed(): void {
    this.memory.changed();
  }

  revisionOf(ref: GroupRef): string | undefined {
    return this.coherence.mayAnswerAlone ? this.memory.revision(ref) : undefined;
  }

  /** Those of the sources that are remembered. */
  remembered(digests: readonly Digest[]): SourceRecord[] {
    return digests.map((digest) => this.memory.source(digest)?.record).filter((record) => record !== undefined);
  }

  accessed(ref: GroupRef, at: number): void {
    this.memory.accessed(ref, at);
  }

  async find(ref: GroupRef): Promise<CatalogEntry | undefined> {
    await this.coherence.settled();
    if (this.coherence.mayAnswerAlone) {
      const entry = this.memory.entry(ref);
      if (entry) return entry;
      if (this.coherence.state === 'away') throw unreachable();
    }
    const lostBefore = this.coherence.lostSoFar;
    try {
      return await this.ask(ref);
    } catch (error) {
      // The connection may have been lost under the question: once it is clear how things stand, ask again or fall back.
      await this.coherence.settled();
      if (this.coherence.state === 'tracked' && this.coherence.lostSoFar !== lostBefore) return this.ask(ref);
      const entry = this.memory.entry(ref);
      if (entry) return entry;
      throw error;
    }
  }

  async findSource(digest: Digest): Promise<SourceRecord | undefined> {
    const found = await this.readSource(digest);
    return found?.value.record;
  }

  private async ask(ref: GroupRef): Promise<CatalogEntry | undefined> {
    for (let attempt = 1; ; attempt++) {
      const reading = this.memory.beginReading();
      try {
        const found = await this.read(ref, reading, attempt === MAX_ATTEMPTS);
        if (found !== 'again') return found;
      } finally {
        this.memory.endReading(reading);
      }
    }
  }

  private async read(ref: GroupRef, reading: Reading, last: boolean): Promise<CatalogEntry | undefined | 'again'> {
    reading.asked.add(groupName(ref));
    const group = await this.readGroup(ref);
    if (group === undefined) return undefined;
    const { stored, lastAccess } = group;
    reading.asked.add(stored.sourceDigest);
    const remembered = this.coherence.knows ? this.memory.source(stored.sourceDigest) : undefined;
    const read = remembered ? undefined : await this.readSource(stored.sourceDigest);
    const source = remembered ?? read?.value;
    if (source) {
      if (this.coherence.state === 'tracked') {
        this.memory.rememberGroup(reading, ref, group);
        if (read) this.memory.rememberSource(reading, read.value, read.bytes);
      }
      return joinEntry(ref, { stored, lastAccess }, source);
    }
    // Replaced in between, or its source was evicted.
    if (!last) return 'again';
    await this.onDangling(ref, `is${stored.token}`);
    return undefined;
  }

  private async readGroup(ref: GroupRef): Promise<{ stored: StoredGroup; lastAccess: number } | undefined> {
    const { keys, link, deadlines } = this.session;
    const key = keys.group(ref);
    const shard = groupShard(ref.imageKey);
    const [index, access] = [keys.index(shard), keys.access(shard)];
    const [text, indexed, accessed] = await healingTypes(this.session, [key, index, access], () =>
      link.sendAll(
        [
          { key, args: ['GET', key] },
          { key, args: ['ZSCORE', index, `C${groupName(ref)}`] },
          { key, args: ['ZSCORE', access, groupName(ref)] },
        ],
        deadlines.getMs,
      ),
    );
    const stored = typeof text === 'string' ? decodeGroup(this.session.seals, ref, text) : undefined;
    if (typeof text === 'string' && stored === undefined) this.damaged('group');
    if (stored === undefined || indexed === null) {
      // Half a group is none, and must not be counted.
      const condition = typeof text === 'string' ? (`is${text.slice(0, TOKEN_CHARACTERS)}` as const) : 'absent';
      if (text !== null || indexed !== null) await this.onDangling(ref, condition);
      return undefined;
    }
    return { stored, lastAccess: typeof accessed === 'number' ? accessed : stored.createdAt };
  }

  private async readSource(digest: Digest): Promise<Found<StoredSource> | undefined> {
    const { keys, link, deadlines } = this.session;
    const key = keys.source(digest);
    const text = await healingTypes(this.session, [key], () => link.send(key, ['GET', key], deadlines.getMs));
    if (typeof text !== 'string') return undefined;
    const value = decodeSource(this.session.seals, digest, text);
    if (value) return { value, bytes: text.length };
    this.damaged('source');
    await link.send(key, ['UNLINK', key], deadlines.setMs);
    return undefined;
  }

  private damaged(what: 'group' | 'source'): void {
    this.session.metrics.count('damaged_records_total');
    this.session.logger.warn({ record: what }, 'a damaged record in Redis was removed');
  }
}
