// The dialects that a server speaks: the one file that names them.

import { type DialectName, type EnabledDialect, USUAL_MOUNTS } from '../../kernel/dialect-names.js';
import type { ImportJob } from '../../kernel/library/import-job.js';
import type { Letter } from '../../library/answers.js';
import type { Dialect } from './dialect.js';
import { type DziSettings, dzi } from './dzi/dzi.js';
import { type IiifSettings, iiif } from './iiif/iiif.js';
import { type ImageConverterSettings, imageConverter } from './image-converter/image-converter.js';
import { type ImaginarySettings, imaginary } from './imaginary/imaginary.js';
import { libraryOperators } from './library/library.js';
import { livingdocsLetter } from './livingdocs/callback.js';
import { type LivingdocsSettings, livingdocs } from './livingdocs/livingdocs.js';

export interface DialectSettings extends ImageConverterSettings {
  /** In this order; ImageConverter alone unless named. */
  readonly dialects?: readonly EnabledDialect[];
  /** Of the dialects that have more to know; needed where one of them is enabled. */
  readonly livingdocs?: Omit<LivingdocsSettings, 'mount'>;
  readonly imaginary?: Omit<ImaginarySettings, 'mount'>;
  readonly zoom?: Omit<DziSettings & IiifSettings, 'mount'>;
}

const FACES = {
  'image-converter': (settings, mount) => imageConverter({ ...settings, basePath: mount ?? settings.basePath }),
  livingdocs(settings, mount = USUAL_MOUNTS.livingdocs) {
    if (settings.livingdocs === undefined) throw new Error('expected the settings of livingdocs, got none');
    return livingdocs({ ...settings.livingdocs, mount });
  },
  imaginary(settings, mount = USUAL_MOUNTS.imaginary) {
    if (settings.imaginary === undefined) throw new Error('expected the settings of imaginary, got none');
    return imaginary({ ...settings.imaginary, mount });
  },
  dzi(settings, mount = USUAL_MOUNTS.dzi) {
    return dzi({ ...zoomOf(settings), mount });
  },
  iiif(settings, mount = USUAL_MOUNTS.iiif) {
    return iiif({ ...zoomOf(settings), mount });
  },
} as const satisfies Record<DialectName, (settings: DialectSettings, mount: string | undefined) => Dialect>;

function zoomOf({ zoom }: DialectSettings) {
  if (zoom === undefined) throw new Error('expected the settings of deep zoom, got none');
  return zoom;
}

export function dialectsOf(settings: DialectSettings): readonly [Dialect, ...Dialect[]] {
  const [first = { name: 'image-converter' }, ...others] = settings.dialects ?? [];
  const faceOf = ({ name, mount }: EnabledDialect): Dialect => FACES[name](settings, mount);
  return [faceOf(first), ...others.map(faceOf)];
}

const LETTERS: Partial<Record<string, (job: ImportJob, secrets: readonly string[]) => Letter>> = {
  livingdocs: livingdocsLetter,
} satisfies Partial<Record<DialectName, unknown>>;

/** What is said of an import's end in the words of the dialect that it came in by, whether that is still spoken here or not. */
export function letterOf(job: ImportJob, secrets: readonly string[]): Letter | undefined {
  return LETTERS[job.dialect]?.(job, secrets);
}

/** The same with what operators watch the library by, where there is one. */
export function withOperators(settings: DialectSettings, hasLibrary: boolean): readonly [Dialect, ...Dialect[]] {
  const [first, ...others] = dialectsOf(settings);
  return [first, ...others, ...(hasLibrary ? [libraryOperators()] : [])];
}
