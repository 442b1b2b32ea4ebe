// PDF files that say in a few hundred bytes what nobody can draw: what draws others, and things laid over each other without end.
import { deflateSync } from 'node:zlib';
import { type PdfPage, pdfOf } from './pdfs.js';

const [WIDTH, HEIGHT] = [600, 800];

/** An object that is a stream with a dictionary, deflated. */
export function pdfStream(dictionary: string, body: string | Buffer): string {
  const packed = deflateSync(body).toString('latin1');
  return `<< ${dictionary} /Filter /FlateDecode /Length ${packed.length} >>\nstream\n${packed}\nendstream`;
}

/** A form as large as the page. */
export function formObject(operators: string | Buffer, more = ''): string {
  return pdfStream(`/Type /XObject /Subtype /Form /BBox [0 0 ${WIDTH} ${HEIGHT}] ${more}`, operators);
}

/** A page of 600 x 800 points; the first of `others` is object 6. */
export function heavyPage(content: string, more: string, ...others: readonly string[]): Buffer {
  const page: PdfPage = { width: WIDTH, height: HEIGHT, content, more };
  return pdfOf([page], '', others);
}

/** A form that draws the next one so many times, and so on: `times` to the power of `levels` small squares. */
export function formsInForms(levels: number, times = 10): Buffer {
  const forms = Array.from({ length: levels }, (_, level) =>
    formObject('/F Do '.repeat(times), `/Resources << /XObject << /F ${7 + level} 0 R >> >>`),
  );
  const last = formObject('1 0 0 rg 0 0 10 10 re f');
  return heavyPage('/F Do', '/Resources << /XObject << /F 6 0 R >> >>', ...forms, last);
}

/** The same of what an annotation looks like. */
export function formsInAnnotation(levels: number): Buffer {
  const forms = Array.from({ length: levels }, (_, level) =>
    formObject('/F Do '.repeat(10), `/Resources << /XObject << /F ${8 + level} 0 R >> >>`),
  );
  const annotation = `<< /Type /Annot /Subtype /Stamp /Rect [0 0 ${WIDTH} ${HEIGHT}] /F 4 /AP << /N 7 0 R >> >>`;
  return heavyPage('', '/Annots [6 0 R]', annotation, ...forms, formObject('0 0 10 10 re f'));
}

/** Each tile of the pattern is as large as the page and a point away from the last. */
export function heavyPattern(): Buffer {
  const tile = `/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 ${WIDTH} ${HEIGHT}] /XStep 1 /YStep 1 /Resources << >>`;
  const resources = '/Resources << /Pattern << /P 6 0 R >> >>';
  return heavyPage(
    `/Pattern cs /P scn 0 0 ${WIDTH} ${HEIGHT} re f`,
    resources,
    pdfStream(tile, `0 0 ${WIDTH} ${HEIGHT} re f`),
  );
}

/** So many patches over the whole page. */
export function heavyMesh(patches: number): Buffer {
  const bytesEach = 1 + 12 * 8 + 4 * 3;
  const mesh = Buffer.from(
    Array.from({ length: patches * bytesEach }, (_, at) => (at % bytesEach ? (at * 7919) & 255 : 0)),
  );
  const shading = `/ShadingType 6 /ColorSpace /DeviceRGB /BitsPerCoordinate 32 /BitsPerComponent 8 /BitsPerFlag 8 /Decode [0 ${WIDTH} 0 ${HEIGHT} 0 1 0 1 0 1]`;
  return heavyPage('/S sh', '/Resources << /Shading << /S 6 0 R >> >>', pdfStream(shading, mesh));
}

/** One picture, drawn so many times, each `points` wide and high. */
export function picturePdf(sidePx: number, times: number, points: number): Buffer {
  const picture = pdfStream(
    `/Type /XObject /Subtype /Image /Width ${sidePx} /Height ${sidePx} /ColorSpace /DeviceRGB /BitsPerComponent 8`,
    Buffer.alloc(sidePx * sidePx * 3, 77),
  );
  const uses = Array.from(
    { length: times },
    (_, n) =>
      `q ${points} 0 0 ${points} ${(n * 37) % (WIDTH - points + 1)} ${(n * 53) % (HEIGHT - points + 1)} cm /I Do Q`,
  );
  return heavyPage(uses.join('\n'), '/Resources << /XObject << /I 6 0 R >> >>', picture);
}

/** What an annotation shows, over the whole page, so many times. */
export function manyAnnotations(count: number): Buffer {
  const annotation = `<< /Type /Annot /Subtype /Square /Rect [0 0 ${WIDTH} ${HEIGHT}] /F 4 /AP << /N 6 0 R >> >>`;
  return heavyPage('', `/Annots [${annotation.repeat(count)}]`, formObject(`0 0 ${WIDTH} ${HEIGHT} re f`));
}
