// The watermark of a tenant as its file names it: a text, or an image beside that file, which is read when the file is.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { digestOf } from '../kernel/digest.js';
import type { Mark } from '../kernel/recipe/recipe.js';
import { ConfigError } from './config-error.js';

const MAX_IMAGE_BYTES = 4 * 2 ** 20;
const PNG = Buffer.from('89504e470d0a1a0a', 'hex');
const OPACITY = 0.75;
const SCALE = 1;

interface Given {
  readonly id: string;
  readonly watermark?:
    | {
        readonly text?: string | undefined;
        readonly image?: string | undefined;
        readonly opacity?: number | undefined;
        readonly scale?: number | undefined;
      }
    | undefined;
}

/** Throws `ConfigError`, as of the file called `name`, for an image that is none. */
export function watermarkOf({ id, watermark }: Given, name: string): Mark | undefined {
  if (watermark === undefined) return undefined;
  const { text, image = '', opacity = OPACITY, scale = SCALE } = watermark;
  if (text !== undefined) return { kind: 'text', text, digest: digestOf(Buffer.from(text)), opacity, scale };
  const path = resolve(dirname(name), image);
  const fault = (what: string): ConfigError =>
    new ConfigError([
      { key: 'library.tenants', env: 'PROOFSHEET_TENANTS', what: `${name}: tenant ${id}: watermark.image: ${what}` },
    ]);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw fault(`expected a file that can be read, got ${code}`);
  }
  if (bytes.length > MAX_IMAGE_BYTES) throw fault(`expected at most ${MAX_IMAGE_BYTES} bytes, got ${bytes.length}`);
  if (!bytes.subarray(0, PNG.length).equals(PNG)) throw fault('expected a PNG, got something else');
  return { kind: 'image', path, digest: digestOf(bytes), opacity, scale };
}
