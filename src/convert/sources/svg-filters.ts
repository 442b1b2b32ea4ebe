// What the steps of SVG filters cost: each looks at every pixel of what is drawn, some at many neighbours of each (Filter Effects 1).

export type Attribute = (name: string) => string | undefined;

/**
 * Elements that one look at a megapixel counts as. It takes 8 ms, as 400 elements do, but where the shadow of a button is drawn, for which
 * only the button is looked at: what is refused by this would take more than a minute at worst, and what lies between meets the deadline.
 */
const LOOK = 20;
/** Looks of steps that have no numbers of their own. */
const LOOKS: Readonly<Record<string, number>> = {
  feblend: 2,
  fecolormatrix: 2,
  fecomponenttransfer: 2,
  fecomposite: 2,
  fedisplacementmap: 3,
  fediffuselighting: 10,
  fedropshadow: 18,
  fegaussianblur: 16,
  fespecularlighting: 10,
};
/** The renderer looks no further than so many pixels to each side, draws no more octaves, and takes no larger matrix. */
const [FURTHEST, MOST_OCTAVES, LARGEST_ORDER] = [10, 9, 100] as const;

/** Elements that one step counts as, on a canvas of `megapixels`; 0 for what is no step. `name` in lower case. */
export function weightOfStep(name: string, attribute: Attribute, megapixels: number): number {
  return Math.ceil(looksOf(name, attribute) * LOOK * megapixels);
}

function looksOf(name: string, attribute: Attribute): number {
  const numbers = (wanted: string): number[] => (attribute(wanted)?.match(/\d+(?:\.\d+)?/g) ?? []).map(Number);
  if (name === 'femorphology') {
    const [x = 0, y = x] = numbers('radius').map((radius) => 2 * Math.min(radius, FURTHEST) + 1);
    return x * y;
  }
  if (name === 'feconvolvematrix') {
    const [x = 3, y = x] = numbers('order').map((order) => Math.min(order, LARGEST_ORDER));
    return x * y;
  }
  if (name === 'feturbulence') {
    const [octaves = 1] = numbers('numOctaves');
    return 6 + 5 * Math.min(octaves, MOST_OCTAVES);
  }
  return LOOKS[name] ?? 0;
}

/** Of what the root says of its size, in pixels or without a unit, or else of its view; 1 where that is less or not told. */
export function megapixelsOf(attribute: Attribute): number {
  const side = (name: string): number | undefined => {
    const said = /^\s*(\d+(?:\.\d+)?)(?:px)?\s*$/.exec(attribute(name) ?? '')?.[1];
    return said === undefined ? undefined : Number(said);
  };
  const [, , width = 0, height = 0] = (attribute('viewBox')?.match(/-?\d+(?:\.\d+)?/g) ?? []).map(Number);
  return Math.max(1, ((side('width') ?? width) * (side('height') ?? height)) / 1e6);
}
