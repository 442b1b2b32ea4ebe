// Metadata as clients of the original read it, with what is ours below Proofsheet alone.
import { expect, test } from 'vitest';
import type { Metadata, SourceInfo } from '../../../src/kernel/source.js';
import { groupMetadata } from '../../../src/previews/group-metadata.js';
import { groupRef, sourceInfo, testSource } from '../../support/records.js';

function answerOf(metadata: Metadata, info: Partial<SourceInfo> = {}, fileName?: string) {
  const { record } = testSource('a');
  const group = { ...groupRef('key'), sourceDigest: record.digest, createdAt: 0, lastAccess: 0, revision: '1' };
  return groupMetadata({
    group: fileName === undefined ? group : { ...group, fileName },
    source: { ...record, info: sourceInfo(info), metadata },
  });
}

test('the header is what the source is, also for a record of an earlier version', () => {
  const { groups } = answerOf({
    Header: { Width: '1', Format: 'JPEG', 'Has Alpha': 'false' },
    File: { 'File Size': '7' },
  });
  expect(groups).toEqual({
    Header: { 'Header Pixel Width': '640', 'Header Pixel Height': '480', 'Header Format Name': 'jpeg' },
    File: { 'File Size': '7' },
  });
});

test('what is ours stands below Proofsheet, in our words', () => {
  const { groups, proofsheet } = answerOf(
    { File: { 'File Size': '7' }, Place: { Latitude: '-51.5', Altitude: '12' }, GPS: { 'GPS Latitude': '51.5' } },
    { type: 'gif', animated: true, pages: 3, loop: 2, colorSpace: 'b-w', hasAlpha: true, channels: 2 },
    'a.gif',
  );
  expect(Object.keys(groups)).toEqual(['Header', 'File', 'GPS']);
  expect(groups.File).toEqual({ 'File Name': 'a.gif', 'File Size': '7' });
  expect(proofsheet).toMatchObject({
    source: { orientation: 1, hasAlpha: true, pages: 3, loop: 2, colorSpace: 'Grey', channels: 2, bitsPerSample: 8 },
    place: { latitude: -51.5, altitude: 12 },
  });
  expect(answerOf({}).proofsheet).not.toHaveProperty('place');
});
