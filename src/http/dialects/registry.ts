// The dialects that a server speaks: the one file that names them.

import { type DialectName, type EnabledDialect, USUAL_MOUNTS } from '../../kernel/dialect-names.js';
import type { ImportJob } from '../../kernel/library/import-job.js';
import type { LibraryUse } from '../../library/answers.js';
import type { Letter } from '../../library/letter.js';
import type { NoticeFacts } from '../../library/webhook-worker.js';
import { administration } from './admin/admin.js';
import { operatorsConsole } from './console/console.js';
import type { Dialect } from './dialect.js';
import { type DziSettings, dzi } from './dzi/dzi.js';
import { type IiifSettings, iiif } from './iiif/iiif.js';
import { type ImageConverterSettings, imageConverter } from './image-converter/image-converter.js';
import { type ImaginarySettings, imaginary } from './imaginary/imaginary.js';
import { libraryOperators } from './library/library.js';
import { livingdocsLetter } from './livingdocs/callback.js';
import { type LivingdocsSettings, livingdocs } from './livingdocs/livingdocs.js';
import type { MediagraphSettings } from './mediagraph/face.js';
import { mediagraph } from './mediagraph/mediagraph.js';
import { mediagraphNotice } from './mediagraph/notice.js';
import { type MicrioSettings, micrio } from './micrio/micrio.js';
import { type ZoomHubSettings, zoomhub } from './zoomhub/zoomhub.js';

export interface DialectSettings extends ImageConverterSettings {
  /** In this order; ImageConverter alone unless named. */
  readonly dialects?: readonly EnabledDialect[];
  /** Of the dialects that have more to know; needed where one of them is enabled. */
  readonly livingdocs?: Omit<LivingdocsSettings, 'mount'>;
  readonly mediagraph?: Omit<MediagraphSettings, 'mount'>;
  readonly imaginary?: Omit<ImaginarySettings, 'mount'>;
  readonly zoom?: Omit<DziSettings & IiifSettings, 'mount'>;
  readonly zoomhub?: Omit<ZoomHubSettings, 'mount'>;
  readonly micrio?: Omit<MicrioSettings, 'mount'>;
}

const FACES = {
  'image-converter': (settings, mount) => imageConverter({ ...settings, basePath: mount ?? settings.basePath }),
  livingdocs(settings, mount = USUAL_MOUNTS.livingdocs) {
    if (settings.livingdocs === undefined) throw new Error('expected the settings of livingdocs, got none');
    return livingdocs({ ...settings.livingdocs, mount });
  },
  mediagraph(settings, mount = USUAL_MOUNTS.mediagraph) {
    if (settings.mediagraph === undefined) throw new Error('expected the settings of mediagraph, got none');
    return mediagraph({ ...settings.mediagraph, mount });
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
  zoomhub(settings, mount = USUAL_MOUNTS.zoomhub) {
    if (settings.zoomhub === undefined) throw new Error('expected the settings of zoomhub, got none');
    return zoomhub({ ...settings.zoomhub, mount });
  },
  micrio(settings, mount = USUAL_MOUNTS.micrio) {
    if (settings.micrio === undefined) throw new Error('expected the settings of micrio, got none');
    return micrio({ ...settings.micrio, mount });
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

/** What endpoints are told of a change of an asset: only Mediagraph's clients register any. */
export function noticeLetters({ dialects = [], mediagraph: own }: Pick<DialectSettings, 'dialects' | 'mediagraph'>) {
  const mount = dialects.find(({ name }) => name === 'mediagraph')?.mount ?? USUAL_MOUNTS.mediagraph;
  return async (facts: NoticeFacts, use: LibraryUse): Promise<Letter | undefined> =>
    own && mediagraphNotice({ ...own, mount }, facts, use);
}

const ZOOMED: ReadonlySet<string> = new Set(['zoomhub', 'micrio'] satisfies readonly DialectName[]);

/** Whether what came in by a dialect, an import's or the one that an upload says it came by, is to be zoomed into. */
export function isZoomed(dialect: string): boolean {
  return ZOOMED.has(dialect);
}

/** The same with the console of operators, what admins do to all that is stored, and what they watch the library by, where there is one. */
export function withOperators(settings: DialectSettings, hasLibrary: boolean): readonly [Dialect, ...Dialect[]] {
  const [first, ...others] = dialectsOf(settings);
  return [first, ...others, operatorsConsole(), administration(), ...(hasLibrary ? [libraryOperators()] : [])];
}
