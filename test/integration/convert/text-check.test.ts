// A machine without fonts is told of at the start, once, with what to install; one with fonts is not.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, expect, test, vi } from 'vitest';
import { Converting } from '../../support/converting.js';
import { until } from '../../support/gate.js';
import { requireTool } from '../../support/tools.js';

const running: Converting[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const one of running.splice(0)) await one.close();
});

async function started(tellsOfText: boolean): Promise<Converting> {
  const converting = await Converting.start({ sourceTypes: ['svg', 'png'], children: 2, tellsOfText });
  running.push(converting);
  return converting;
}

const DRAWING = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
);
const warnings = ({ logger }: Converting) => logger.lines.filter(({ level }) => level === 'warn');

test('without fonts there is one warning, which names the packages', async () => {
  const empty = await Converting.start({ children: 1 });
  running.push(empty);
  const file = join(empty.dir.path, 'fonts.conf');
  await writeFile(file, `<?xml version="1.0"?><fontconfig><dir>${empty.dir.path}</dir></fontconfig>`);
  vi.stubEnv('FONTCONFIG_FILE', file);
  const converting = await started(true);
  await until(async () => warnings(converting).length > 0, 'the warning');
  // Drawing goes on.
  await converting.preview(DRAWING, 'png:9x9');
  expect(warnings(converting)).toMatchObject([
    {
      message: 'text in SVG sources is drawn as empty boxes: this machine has no fonts',
      fields: { packages: 'fontconfig-config, fonts-dejavu-core, fonts-liberation' },
    },
  ]);
});

test('with fonts there is none, nor where nobody looks', async () => {
  await requireTool('fc-match');
  const converting = await started(true);
  for (let index = 0; index < 4; index++) await converting.preview(DRAWING, `png:${index + 1}x9`);
  expect(warnings(converting)).toEqual([]);
});

// Was refused as a damaged image: the program was still at its first lines, and did not know yet what it does.
test('while a child looks whether there are fonts, it does whatever it is asked for', async () => {
  const converting = await Converting.start({ sourceTypes: ['svg', 'png'], children: 1, tellsOfText: true });
  running.push(converting);
  const create = { width: 40, height: 30, channels: 3, background: 'red' } as const;
  const png = await sharp({ create }).png().toBuffer();
  const made = await converting.zoomed(png, {
    kind: 'pyramid',
    type: 'png',
    page: 1,
    size: { widthPx: 40, heightPx: 30 },
  });
  expect(made).toMatchObject({ widthPx: 40, heightPx: 30 });
});
