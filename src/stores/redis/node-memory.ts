// What one node remembers of the catalog: groups and sources, each dropped on its own when it changes. Bounded by bytes.
import { LRUCache } from 'lru-cache';
import type { Digest } from '../../kernel/digest.js';
import type { GroupRef } from '../../kernel/image-key.js';
import type { CatalogEntry } from '../../kernel/source.js';
import { groupName } from './key-layout.js';
import type { StoredGroup, StoredSource } from './record-codec.js';

export interface RememberedGroup {
  readonly stored: StoredGroup;
  /** Unix time in ms. */
  readonly lastAccess: number;
}

/** Marks a reading that is under way; what changes meanwhile must not be remembered from it. */
export interface Reading {
  /** Groups by name and sources by digest that the reading has asked for. */
  readonly asked: Set<string>;
  stale: boolean;
}

/** A group's share of the bound, names apart: token, digest, times and the entry made of it. */
const GROUP_BYTES = 600;

export class NodeMemory {
  private readonly groups: LRUCache<string, RememberedGroup>;
  private readonly sources: LRUCache<string, StoredSource>;
  private readonly readings = new Set<Reading>();
  private changes = 0;

  /** `maxBytes`: an estimate of what all records together take, half for groups and half for sources. */
  constructor(maxBytes: number) {
    this.groups = new LRUCache({ maxSize: Math.ceil(maxBytes / 2) });
    this.sources = new LRUCache({ maxSize: Math.ceil(maxBytes / 2) });
  }

  /** Differs whenever anything remembered was dropped or may have changed. */
  get generation(): number {
    return this.changes;
  }

  /** Something changed that the catalog's own calls know of before the server tells. */
  changed(): void {
    this.changes++;
  }

  entry(ref: GroupRef): CatalogEntry | undefined {
    const group = this.groups.get(groupName(ref));
    const source = group && this.sources.get(group.stored.sourceDigest);
    return group && source && joinEntry(ref, group, source);
  }

  /** What `entry` would tell as the group's revision, without making an entry. */
  revision(ref: GroupRef): string | undefined {
    const group = this.groups.get(groupName(ref));
    const source = group && this.sources.get(group.stored.sourceDigest);
    return group && source && revisionOf(group.stored, source);
  }

  source(digest: Digest): StoredSource | undefined {
    return this.sources.get(digest);
  }

  beginReading(): Reading {
    const reading: Reading = { asked: new Set(), stale: false };
    this.readings.add(reading);
    return reading;
  }

  endReading(reading: Reading): void {
    this.readings.delete(reading);
  }

  /** Remembers a group that a reading found, unless it changed since it was asked for. */
  rememberGroup(reading: Reading, ref: GroupRef, group: RememberedGroup): void {
    if (reading.stale) return;
    const name = groupName(ref);
    this.groups.set(name, group, { size: GROUP_BYTES + 4 * name.length });
  }

  /** The same for a source; `bytes`: length of its record's text. */
  rememberSource(reading: Reading, source: StoredSource, bytes: number): void {
    // Parsed JSON takes about four times its text.
    if (!reading.stale) this.sources.set(source.record.digest, source, { size: 4 * bytes + 1 });
  }

  accessed(ref: GroupRef, at: number): void {
    const name = groupName(ref);
    const group = this.groups.peek(name);
    if (group && at > group.lastAccess)
      this.groups.set(name, { ...group, lastAccess: at }, { size: GROUP_BYTES + 4 * name.length });
  }

  dropGroup(name: string): void {
    this.groups.delete(name);
    this.spoil(name);
  }

  dropSource(digest: string): void {
    this.sources.delete(digest);
    this.spoil(digest);
  }

  forgetAll(): void {
    this.groups.clear();
    this.sources.clear();
    this.spoil();
  }

  /** Readings under way are not to be remembered; what is remembered stays. */
  spoilReadings(): void {
    this.spoil();
  }

  private spoil(asked?: string): void {
    this.changes++;
    for (const reading of this.readings) if (asked === undefined || reading.asked.has(asked)) reading.stale = true;
  }
}

/** The group and the state of its source in one: equal revisions are equal groups with equal previews. */
export function revisionOf(group: StoredGroup, source: StoredSource): string {
  return `${group.token}.${source.token}`;
}

/** The group's part of a revision. */
export function tokenOfRevision(revision: string): string {
  return revision.split('.', 1)[0] ?? '';
}

export function joinEntry(ref: GroupRef, group: RememberedGroup, source: StoredSource): CatalogEntry {
  const { sourceDigest, createdAt, fileName } = group.stored;
  return {
    group: {
      context: ref.context,
      imageKey: ref.imageKey,
      sourceDigest,
      createdAt,
      lastAccess: group.lastAccess,
      ...(fileName !== undefined && { fileName }),
      revision: revisionOf(group.stored, source),
    },
    source: source.record,
  };
}
