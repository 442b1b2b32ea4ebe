// The contract of Grants: what a token opens until its time is over, for every client of the store, and by no other text.
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { Context } from '../../src/kernel/image-key.js';
import { newAssetId, type TenantId } from '../../src/kernel/library/ids.js';
import type { DownloadGrant, Grants } from '../../src/kernel/ports/grants.js';
import { type ContractCase, describeContract, type Open } from './contract.js';

export interface GrantsSubject {
  readonly grants: Grants;
  readonly clock: { now(): number };
  advance(ms: number): void;
  readonly peer: { readonly grants: Grants };
}

const newToken = () => randomBytes(16).toString('hex');

function grantOf({ clock }: GrantsSubject, lifeMs: number, assets = 1): DownloadGrant {
  return {
    context: 'tenant' as Context,
    tenantId: 'house' as TenantId,
    assets: Array.from({ length: assets }, newAssetId),
    size: 'permalink-watermark',
    fileName: 'Grüße, "Welt".jpg',
    expiresAt: clock.now() + lifeMs,
  };
}

export const grantsCases: readonly ContractCase<GrantsSubject>[] = [
  {
    name: 'gives back what a token opens, as often as it is asked, and of a thousand assets too',
    run: async (subject) => {
      const { grants, peer } = subject;
      const [one, many] = [newToken(), newToken()];
      const [small, large] = [grantOf(subject, 300_000), grantOf(subject, 300_000, 1_000)];
      await grants.put(one, small);
      await peer.grants.put(many, large);
      for (const each of [grants, peer.grants, grants]) {
        expect(await each.find(one)).toEqual(small);
        expect(await each.find(many)).toEqual(large);
      }
    },
  },
  {
    name: 'knows no other token: neither one that is like it nor the hash of one',
    run: async (subject) => {
      const token = newToken();
      await subject.grants.put(token, grantOf(subject, 300_000));
      const others = [newToken(), token.slice(1), token.toUpperCase().replace(/^[0-9]/, 'A'), `${token}0`, ''];
      for (const other of others) expect(await subject.grants.find(other)).toBeUndefined();
      expect(await subject.grants.find(token)).toBeDefined();
    },
  },
  {
    name: 'knows a token to its last millisecond, and not after it',
    run: async (subject) => {
      const token = newToken();
      await subject.grants.put(token, grantOf(subject, 1_000));
      subject.advance(999);
      expect(await subject.grants.find(token)).toBeDefined();
      subject.advance(1);
      expect(await subject.grants.find(token)).toBeUndefined();
      expect(await subject.peer.grants.find(token)).toBeUndefined();
    },
  },
  {
    name: 'forgets what has expired, and nothing else',
    run: async (subject) => {
      const { grants, peer } = subject;
      const [old, living] = [newToken(), newToken()];
      await grants.put(old, grantOf(subject, 1_000));
      await grants.put(living, grantOf(subject, 300_000));
      subject.advance(2_000);
      // One store has them forgotten by its server, and finds none to sweep.
      expect(await peer.grants.sweepGrants(10)).toBeLessThanOrEqual(1);
      expect(await grants.sweepGrants(10)).toBe(0);
      expect(await grants.find(old)).toBeUndefined();
      expect(await peer.grants.find(living)).toBeDefined();
    },
  },
];

export function grantsContract(name: string, open: Open<GrantsSubject>): void {
  describeContract(`${name} keeps the grants contract`, grantsCases, open);
}
