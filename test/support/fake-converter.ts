// A converter that makes "previews" out of the source's bytes and the format's text, at the pace a test sets: gates hold
// a conversion before its first preview and before its rest.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bestPlanned } from '../../src/kernel/best-match.js';
import { digestOf } from '../../src/kernel/digest.js';
import { formatsAnswering } from '../../src/kernel/on-demand.js';
import type {
  Conversion,
  ConversionJob,
  Converter,
  Drawing,
  MadePreview,
  WantedReady,
} from '../../src/kernel/ports/converter.js';
import { recipeText } from '../../src/kernel/recipe/recipe-text.js';
import { resolveRecipe } from '../../src/kernel/recipe/resolve.js';
import { type PlannedPreview, planSequence } from '../../src/kernel/sequence.js';
import type { SourceInfo } from '../../src/kernel/source.js';
import { Gate } from './gate.js';
import { sourceInfo } from './records.js';

/** What every source is taken for: an upright, opaque 2000 x 1500 JPEG. */
export const FAKE_INFO: SourceInfo = sourceInfo({ widthPx: 2000, heightPx: 1500 });

const METADATA = { File: { 'File Size': '1' } };

export class FakeConverter implements Converter {
  readonly jobs: ConversionJob[] = [];
  readonly distrusted: MadePreview[] = [];
  /** Conversions wait here before they make anything. */
  readonly start = new Gate();
  /** After the wanted preview, before the rest. */
  readonly rest = new Gate();
  /** Set to make conversions fail: before anything is made, or after the wanted preview. */
  failure: { readonly error: Error; readonly at: 'start' | 'rest' } | undefined;
  /** Pictures are not drawn of smaller ones: it would show. */
  hardEdges = false;
  /** Changes the bytes of what is made, as another encoder version would. */
  salt = '';

  async convert(job: ConversionJob, onWanted?: WantedReady, signal?: AbortSignal): Promise<Conversion> {
    this.jobs.push(job);
    const number = this.jobs.length;
    await this.start.pass(signal);
    if (this.failure?.at === 'start') throw this.failure.error;
    const source = job.content ?? (await readFile(job.sourcePath));
    if (job.drawing) return this.draw(job.drawing, source, job.outputDir, number);
    const asked = job.wanted && job.wantedOnly && formatsAnswering(FAKE_INFO, false, job.formats, job.wanted);
    const plan = planSequence(FAKE_INFO, false, job.formats).filter(({ formats }) =>
      formats.some((format) => (asked ? asked.includes(format) : !job.made?.includes(format.text))),
    );
    const wanted = job.wanted && bestPlanned(FAKE_INFO, plan, job.wanted);
    const dir = job.content ? undefined : job.outputDir;
    const make = (planned: PlannedPreview) => this.make(planned, source, dir, number);
    const first = wanted && (await make(wanted));
    if (first && plan.length > 1) onWanted?.(FAKE_INFO, METADATA, first);
    await this.rest.pass(signal);
    if (this.failure?.at === 'rest') throw this.failure.error;
    const others = await Promise.all(plan.filter((planned) => planned !== wanted).map(make));
    return { info: FAKE_INFO, metadata: METADATA, previews: first ? [first, ...others] : others };
  }

  distrust(preview: MadePreview): void {
    this.distrusted.push(preview);
  }

  async close(): Promise<void> {
    this.start.open();
    this.rest.open();
  }

  private async draw(
    { recipe, limits, of }: Drawing,
    source: Buffer,
    dir: string,
    number: number,
  ): Promise<Conversion> {
    if (recipe === undefined || (of && this.hardEdges)) return { info: FAKE_INFO, metadata: METADATA, previews: [] };
    const { text, type, size } = resolveRecipe(recipe, FAKE_INFO, limits);
    const bytes = Buffer.concat([Buffer.from(`${text} of ${this.salt}`), source]);
    const digest = digestOf(bytes);
    const own = join(dir, `conversion-${number}`);
    await mkdir(own, { recursive: true });
    const path = join(own, `0.${type}`);
    await writeFile(path, bytes);
    const preview = { formats: [recipeText(recipe)], type, ...size, bytes: bytes.length, digest, path };
    return { info: FAKE_INFO, metadata: METADATA, previews: [preview] };
  }

  /** A file in `dir`, or without one bytes. */
  private async make(
    planned: PlannedPreview,
    source: Buffer,
    dir: string | undefined,
    number: number,
  ): Promise<MadePreview> {
    const formats = planned.formats.map((format) => format.text);
    const content = Buffer.concat([Buffer.from(`${formats.join()} of ${this.salt}`), source]);
    const digest = digestOf(content);
    const made = { formats, type: planned.type, ...planned.geometry.size, bytes: content.length, digest };
    if (dir === undefined) return { ...made, path: '', content };
    const path = join(dir, `preview-${number}-${digest.slice(0, 12)}`);
    await writeFile(path, content);
    return { ...made, path };
  }
}
