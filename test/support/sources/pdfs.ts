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

export function pdfOf(pages: readonly PdfPage[]): Buffer {
  const objects: string[] = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Count ${pages.length} /Kids [${pages.map((_, index) => `${4 + index * 2} 0 R`).join(' ')}] >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  for (const [index, { width, height, content, more = '' }] of pages.entries()) {
    objects.push(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${width} ${height}] /Contents ${5 + index * 2} 0 R /Resources << /Font << /F1 3 0 R >> >> ${more} >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    );
  }
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
