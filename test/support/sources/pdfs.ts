// PDF files, written from their content streams: one a page.

export interface PdfPage {
  readonly width: number;
  readonly height: number;
  /** Operators of the page, in points from the lower left. */
  readonly content: string;
  /** Added to the page's dictionary. */
  readonly more?: string;
}

/** Four colours in quarters, as bitmaps.ts and images.ts have them, and a word in a standard font. */
export function quartersPage(width: number, height: number, more = ''): PdfPage {
  const [w, h] = [width / 2, height / 2];
  const content = `1 0 0 rg 0 ${h} ${w} ${h} re f 0 1 0 rg ${w} ${h} ${w} ${h} re f 0 0 1 rg 0 0 ${w} ${h} re f 1 1 0 rg ${w} 0 ${w} ${h} re f`;
  return { width, height, content, more };
}

/** A word as large as the page in Helvetica, which the file does not bring. */
export function wordPage(word: string): PdfPage {
  return { width: 200, height: 100, content: `BT /F1 60 Tf 10 30 Td (${word}) Tj ET` };
}

/** `catalog` is added to the root's dictionary; `others` are objects behind those of the pages, of which the first is `firstOther`. */
export function pdfOf(pages: readonly PdfPage[], catalog = '', others: readonly string[] = []): Buffer {
  const objects: string[] = [
    `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`,
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, index) => `${4 + index * 2} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  for (const [index, { width, height, content, more = '' }] of pages.entries()) {
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${5 + index * 2} 0 R ${more.includes('/Resources') ? '' : '/Resources << /Font << /F1 3 0 R >> >>'} ${more} >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    );
  }
  objects.push(...others);
  let text = '%PDF-1.7\n';
  const offsets = objects.map((object, index) => {
    const at = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const start = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  for (const offset of offsets) text += `${String(offset).padStart(10, '0')} 00000 n \n`;
  text += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

/** The number of the first object behind those of so many pages. */
export function firstOther(pages: number): number {
  return 4 + 2 * pages;
}

/** A white page with a field of a form, filled in with blue; `drawn`: the field brings its appearance along. */
export function formPage(drawn: boolean): Buffer {
  const field = firstOther(1);
  const appearance = '0 0 1 rg 0 0 160 60 re f';
  const said = drawn ? `/AP << /N ${field + 1} 0 R >>` : '/MK << /BG [0 0 1] >> /DA (/F1 12 Tf 0 0 1 rg)';
  return pdfOf(
    [{ width: 200, height: 100, content: '', more: `/Annots [${field} 0 R]` }],
    `/AcroForm << /Fields [${field} 0 R] /DR << /Font << /F1 3 0 R >> >> /NeedAppearances ${!drawn} >>`,
    [
      `<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (x) /F 4 /Rect [20 20 180 80] ${said} >>`,
      `<< /Type /XObject /Subtype /Form /BBox [0 0 160 60] /Length ${appearance.length} >>\nstream\n${appearance}\nendstream`,
    ],
  );
}

/** A page that draws these pictures, each over the whole of it; `inForm`: as parts of a form that the page draws. */
export function picturesPdf(
  pictures: readonly {
    readonly widthPx: number;
    readonly heightPx: number;
    readonly filter: string;
    readonly body: Buffer;
  }[],
  inForm = false,
): Buffer {
  const first = firstOther(1);
  const uses = pictures.map((_, index) => `q 60 0 0 80 0 0 cm /I${index} Do Q`).join(' ');
  const names = pictures.map((_, index) => `/I${index} ${first + index} 0 R`).join(' ');
  const form = first + pictures.length;
  const page: PdfPage = inForm
    ? { width: 60, height: 80, content: '/F0 Do', more: `/Resources << /XObject << /F0 ${form} 0 R >> >>` }
    : { width: 60, height: 80, content: uses, more: `/Resources << /XObject << ${names} >> >>` };
  const streams = pictures.map(
    ({ widthPx, heightPx, filter, body }) =>
      `<< /Type /XObject /Subtype /Image /Width ${widthPx} /Height ${heightPx} /ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /${filter} /Length ${body.length} >>\nstream\n${body.toString('latin1')}\nendstream`,
  );
  const formObject = `<< /Type /XObject /Subtype /Form /BBox [0 0 60 80] /Resources << /XObject << ${names} >> >> /Length ${uses.length} >>\nstream\n${uses}\nendstream`;
  return pdfOf([page], '', [...streams, formObject]);
}
