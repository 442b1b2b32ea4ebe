// How much there is to draw in an SVG: elements, those that others refer to counted each time, whether an attribute or a style sheet
// says so; steps of filters by what they cost, and the letters of a text. A document of a few hundred bytes can say "ten of that" twelve times over.
import { ProofsheetError } from '../../kernel/errors.js';
import { megapixelsOf, weightOfStep } from './svg-filters.js';
import { appliesTo, type Named, referencesIn, type StyleRule, styleRulesOf } from './svg-style-rules.js';

/** Some seconds of the renderer's time. A map of a country has a tenth of it. */
const MAX_ELEMENTS = 200_000;
/** Of one text, whatever parts it has: the renderer's time grows with the square, and is 20 s for 20,000. */
const MAX_LETTERS = 25_000;
/** References to what refers to others: the renderer goes down into each on its stack. */
const MAX_HEIGHT = 512;

interface Element extends Named {
  readonly parts: Element[];
  /** What is drawn once where it stands. */
  readonly references: string[];
  /** What is drawn at every corner of it, or of what is inside it. */
  readonly markers: string[];
  /** What it counts as by itself: 1, or what a step of a filter costs. */
  readonly weight: number;
  /** Of a shape: the corners of its outline, at most. */
  readonly corners: number;
  total: number | undefined;
  isOpen: boolean;
}

export class SvgWeight {
  private readonly byId = new Map<string, Element>();
  private readonly path: Element[] = [];
  private readonly all: Element[] = [];
  private readonly rules: StyleRule[] = [];
  private root: Element | undefined;
  private megapixels = 1;
  /** Of the text that is open. */
  private letters = 0;
  private mostLetters = 0;

  /** `name` in lower case, without a prefix. */
  begin(name: string, attributes: readonly (readonly [name: string, value: string])[]): void {
    if (this.all.length >= MAX_ELEMENTS) throw tooMany();
    const attribute = (wanted: string) => attributes.find(([key]) => key === wanted)?.[1];
    if (this.root === undefined) this.megapixels = megapixelsOf(attribute);
    if (name === 'text') this.letters = 0;
    const weight = 1 + weightOfStep(name, attribute, this.megapixels);
    const id = attribute('id');
    const classes = attribute('class')?.trim().split(/\s+/) ?? [];
    const corners = cornersOf(attribute('d') ?? attribute('points') ?? (name === 'line' ? '0 0 1 1' : ''));
    const element: Element = {
      ...{ name, id, classes, corners, weight, parts: [], references: [], markers: [] },
      ...{ total: undefined, isOpen: false },
    };
    for (const [key, value] of attributes) {
      if (/(?:^|:)href$/i.test(key) && value.trimStart().startsWith('#'))
        element.references.push(value.trim().slice(1));
      else if (value.includes('#') && !key.startsWith('xmlns')) addReferences(element, referencesIn(key, value));
    }
    this.path.at(-1)?.parts.push(element);
    this.root ??= element;
    if (id !== undefined && !this.byId.has(id)) this.byId.set(id, element);
    this.path.push(element);
    this.all.push(element);
  }

  /** Characters inside the element that is open. */
  text(length: number): void {
    if (!this.path.some(({ name }) => name === 'text')) return;
    this.letters += length;
    this.mostLetters = Math.max(this.mostLetters, this.letters);
  }

  /** A style sheet, wherever it stands: it is for the whole document. */
  style(css: string): void {
    this.rules.push(...styleRulesOf(css));
  }

  end(): void {
    this.path.pop();
  }

  /** Throws `source-limits-exceeded`. */
  check(): void {
    if (this.mostLetters > MAX_LETTERS)
      throw new ProofsheetError(
        'source-limits-exceeded',
        `expected an SVG whose texts have at most ${MAX_LETTERS} letters each`,
      );
    if (this.rules.length * this.all.length > MAX_ELEMENTS * 100) throw tooMany();
    for (const rule of this.rules)
      for (const element of this.all) if (appliesTo(rule, element)) addReferences(element, rule.references);
    if (this.root && this.totalOf(this.root, 0) > MAX_ELEMENTS) throw tooMany();
  }

  private totalOf(element: Element, height: number): number {
    if (element.total !== undefined) return element.total;
    // A circle: the renderer ends there.
    if (element.isOpen) return 0;
    if (height > MAX_HEIGHT)
      throw new ProofsheetError(
        'source-limits-exceeded',
        `expected an SVG whose references are at most ${MAX_HEIGHT} deep`,
      );
    element.isOpen = true;
    let total = element.weight;
    for (const part of element.parts) total += this.totalOf(part, height + 1);
    for (const id of element.references) total += this.totalOfId(id, height);
    const corners = element.markers.length > 0 ? cornersInside(element) : 0;
    for (const id of element.markers) total += corners * this.totalOfId(id, height);
    element.isOpen = false;
    element.total = total;
    return total;
  }

  private totalOfId(id: string, height: number): number {
    const target = this.byId.get(id);
    return target ? this.totalOf(target, height + 1) : 0;
  }
}

function addReferences(element: Element, { once, atCorners }: StyleRule['references']): void {
  element.references.push(...once);
  element.markers.push(...atCorners);
}

/** Each is named by two numbers; an arc or a curve takes more. */
function cornersOf(outline: string): number {
  return outline === '' ? 0 : Math.ceil((outline.match(/\d+(?:\.\d+)?|\.\d+|[zZ]/g) ?? []).length / 2);
}

/** Of all that takes its markers from `element`. Not deeper than documents are. */
function cornersInside({ corners, parts }: Element): number {
  return parts.reduce((sum, part) => sum + cornersInside(part), corners);
}

function tooMany(): ProofsheetError {
  return new ProofsheetError(
    'source-limits-exceeded',
    `expected an SVG that draws at most ${MAX_ELEMENTS} elements, those it uses counted each time, and steps of filters by their cost`,
  );
}
