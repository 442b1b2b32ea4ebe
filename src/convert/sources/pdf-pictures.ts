// What the pictures of a PDF's page take while it is drawn, told from their sizes before one is decoded.

/** Functions of PDFium's public headers (fpdf_edit.h). */
export interface PdfObjects {
  readonly HEAPU8: Uint8Array;
  readonly wasmExports: { malloc(bytes: number): number };
  _FPDFPage_CountObjects(page: number): number;
  _FPDFPage_GetObject(page: number, index: number): number;
  _FPDFFormObj_CountObjects(form: number): number;
  _FPDFFormObj_GetObject(form: number, index: number): number;
  _FPDFPageObj_GetType(object: number): number;
  _FPDFImageObj_GetImagePixelSize(image: number, width: number, height: number): number;
  /** Without a buffer: how long it is as the file has it. */
  _FPDFImageObj_GetImageDataRaw(image: number, buffer: number, bytes: number): number;
  _FPDFImageObj_GetImageFilterCount(image: number): number;
  _FPDFImageObj_GetImageFilter(image: number, index: number, buffer: number, bytes: number): number;
}

/** FPDF_PAGEOBJ_IMAGE and FPDF_PAGEOBJ_FORM. */
const [IMAGE, FORM] = [3, 5] as const;
/** Objects that are looked at; pages of maps have some ten thousand, of which few are pictures. */
const MOST_OBJECTS = 100_000;
const DEEPEST = 16;
/** JPEG 2000 is decoded as a whole: 11 bytes a pixel were seen of 6 megapixels in colours. */
const WHOLE_BYTES_PER_PIXEL = 16;
/** Others are kept once they are decoded, in up to 60 MB each; larger ones are drawn row by row and not kept. */
const KEPT_BYTES_PER_PIXEL = 3;
const MOST_KEPT_BYTES = 60_000_000;
const SCRATCH_BYTES = 64;
const MOST_FILTERS = 8;

/** Bytes at most, in sum, of each picture once: it is decoded once however often it is drawn. `page`: one that is loaded. */
export function pictureBytes(library: PdfObjects, page: number): number {
  const scratch = library.wasmExports.malloc(SCRATCH_BYTES);
  if (scratch === 0) return 0;
  let looked = 0;
  // Nothing tells whether two uses are of one picture. Of two that are alike in all of this one is forgotten: then drawing ends at the
  // memory that was granted.
  const seen = new Set<string>();
  const sumOf = (count: number, objectAt: (index: number) => number, depth: number): number => {
    let sum = 0;
    for (let index = 0; index < count && looked < MOST_OBJECTS; index++) {
      looked++;
      const object = objectAt(index);
      const kind = object === 0 ? 0 : library._FPDFPageObj_GetType(object);
      if (kind === IMAGE) {
        const { like, bytes } = pictureOf(library, object, scratch);
        if (!seen.has(like)) sum += bytes;
        seen.add(like);
      }
      if (kind === FORM && depth < DEEPEST) {
        const inside = (at: number): number => library._FPDFFormObj_GetObject(object, at);
        sum += sumOf(library._FPDFFormObj_CountObjects(object), inside, depth + 1);
      }
    }
    return sum;
  };
  return sumOf(library._FPDFPage_CountObjects(page), (index) => library._FPDFPage_GetObject(page, index), 0);
}

function pictureOf(
  library: PdfObjects,
  image: number,
  scratch: number,
): { readonly like: string; readonly bytes: number } {
  if (library._FPDFImageObj_GetImagePixelSize(image, scratch, scratch + 4) === 0) return { like: '', bytes: 0 };
  // The heap may have moved.
  const view = Buffer.from(library.HEAPU8.buffer, library.HEAPU8.byteOffset);
  const [width, height] = [view.readUInt32LE(scratch), view.readUInt32LE(scratch + 4)];
  const filters = filtersOf(library, image, scratch);
  const stored = library._FPDFImageObj_GetImageDataRaw(image, 0, 0);
  return {
    like: [width, height, stored, ...filters].join(' '),
    bytes: bytesOf(width * height, filters.includes('JPXDecode')),
  };
}

function filtersOf(library: PdfObjects, image: number, scratch: number): readonly string[] {
  const count = Math.min(MOST_FILTERS, library._FPDFImageObj_GetImageFilterCount(image));
  return Array.from({ length: count }, (_, index) => {
    const length = library._FPDFImageObj_GetImageFilter(image, index, scratch, SCRATCH_BYTES);
    const name = Buffer.from(library.HEAPU8.buffer, library.HEAPU8.byteOffset + scratch, SCRATCH_BYTES);
    return name.toString('latin1', 0, Math.min(length, SCRATCH_BYTES) - 1);
  });
}

function bytesOf(pixels: number, decodedWhole: boolean): number {
  if (decodedWhole) return pixels * WHOLE_BYTES_PER_PIXEL;
  return pixels * KEPT_BYTES_PER_PIXEL > MOST_KEPT_BYTES ? 0 : pixels * KEPT_BYTES_PER_PIXEL;
}
