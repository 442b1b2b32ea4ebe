// What a start warns of: addresses that no client reaches, and a ZoomHub that anybody may fill.
import { expect, test } from 'vitest';
import { exposureWarnings } from '../../src/exposure-warnings.js';

type Given = Parameters<typeof exposureWarnings>[0];

function warned(server: object, zoomhub: object = {}): readonly string[] {
  const given = {
    server: { host: '127.0.0.1', dialects: [{ name: 'image-converter' }], ...server },
    zoomhub: { tenant: undefined, takesNew: false, takesUploads: false, ...zoomhub },
  } as unknown as Given;
  return exposureWarnings(given).map(({ message }) => message);
}

const named = (...names: string[]) => names.map((name) => ({ name }));

test('the defaults, and whatever stays on this machine, need none', () => {
  expect(warned({})).toEqual([]);
  expect(warned({ host: '0.0.0.0' })).toEqual([]);
  expect(warned({ dialects: named('zoomhub', 'livingdocs') }, { tenant: 'a', takesNew: true })).toEqual([]);
  expect(warned({ host: '::', dialects: named('iiif'), publicUrl: 'https://a.example' })).toEqual([]);
});

test.each(['livingdocs', 'mediagraph', 'dzi', 'iiif', 'zoomhub', 'micrio'])(
  '%s on every interface names addresses of its own where no public URL is set',
  (name) => {
    for (const host of ['0.0.0.0', '::'])
      expect(warned({ host, dialects: named('image-converter', name) })).toEqual([
        expect.stringContaining('PROOFSHEET_PUBLIC_URL is not set'),
      ]);
  },
);

test('zoomhub that takes new content or files from others is told, and one that is shut or takes none is not', () => {
  const open = { host: '10.0.0.5', dialects: named('zoomhub') };
  expect(warned(open, { tenant: 'agency', takesNew: true })).toEqual([expect.stringContaining('whoever reaches')]);
  expect(warned(open, { tenant: 'agency' })).toEqual([]);
  expect(warned(open, { takesNew: true })).toEqual([]);
  expect(warned(open, { tenant: 'agency', takesUploads: true })).toEqual([expect.stringContaining('takes files')]);
  expect(warned({ ...open, host: '127.0.0.1' }, { tenant: 'agency', takesUploads: true })).toEqual([]);
});
