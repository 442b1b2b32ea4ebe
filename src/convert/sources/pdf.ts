// A page of a PDF, drawn by PDFium at the very size that is needed. The package has neither scripts nor a network, and knows the
// standard fonts beside those that a document brings.
import { ProofsheetError } from '../../kernel/errors.js';
import type { Size } from '../../kernel/sizes.js';
import { decoderPackage } from '../decoder-packages.js';
import type { OpenedSource, Pixels } from '../opened-source.js';
import { DamagedSource, refusedKind } from '../refused-kind.js';
import { compiledWasm, instanceOf } from '../wasm.js';
import { PdfBounds } from './pdf-bounds.js';
import { type PdfObjects, pictureBytes } from './pdf-pictures.js';

const PACKAGE = '@hyzyla/pdfium';
/** Of paper: more than screens show of a page. */
const PIXELS_PER_POINT = 300 / 72;
/** Small pages count as more, since nothing is lost when they are drawn larger. */
const LEAST_LONG_SIDE_PX = 2048;
const MOST_SIDE_PX = 16_384;
const MOST_PIXELS = 64_000_000;
/** The decoder at rest and its fonts. */
const BASE_BYTES = 160 * 1024 * 1024;

/** FPDFBitmap_BGR, three bytes a pixel; the order is turned by a flag. */
const RGB_BITMAP = 2;
const FLAGS = { annotations: 0x01, reverseByteOrder: 0x10 } as const;
const WHITE = 0xffffffff;
/** FPDF_GetLastError. */
const ERROR = { password: 4, security: 5 } as const;

/** What is used of the package's interface: functions of PDFium's public headers. */
interface Pdfium extends PdfObjects {
  _FPDF_InitLibrary(): void;
  _FPDF_LoadMemDocument(at: number, bytes: number, password: number): number;
  _FPDF_GetLastError(): number;
  _FPDF_GetPageCount(document: number): number;
  _FPDF_LoadPage(document: number, index: number): number;
  _FPDF_ClosePage(page: number): void;
  _FPDF_GetPageWidthF(page: number): number;
  _FPDF_GetPageHeightF(page: number): number;
  /** Writes two floats to `at`; the page is not read for it. */
  _FPDF_GetPageSizeByIndexF(document: number, index: number, at: number): number;
  _FPDFBitmap_CreateEx(width: number, height: number, format: number, at: number, stride: number): number;
  _FPDFBitmap_FillRect(bitmap: number, left: number, top: number, width: number, height: number, colour: number): void;
  _FPDF_RenderPageBitmap(
    bitmap: number,
    page: number,
    left: number,
    top: number,
    width: number,
    height: number,
    rotate: number,
    flags: number,
  ): void;
  _FPDFDOC_InitFormFillEnvironment(document: number, callbacks: number): number;
  _FORM_OnAfterLoadPage(page: number, form: number): void;
  /** The same arguments as of the page, behind the form. */
  _FPDF_FFLDraw(
    form: number,
    bitmap: number,
    page: number,
    left: number,
    top: number,
    width: number,
    height: number,
    rotate: number,
    flags: number,
  ): void;
}

export async function openPdf(
  file: Buffer,
  { maxSourcePixels, timeoutMs }: { readonly maxSourcePixels: number; readonly timeoutMs: number },
  page: number,
): Promise<OpenedSource> {
  const bounds = new PdfBounds(file.length, timeoutMs);
  const library = await newLibrary(bounds);
  const read = bounds.run(() => readPage(library, file, page));
  const mostPixels = Math.min(maxSourcePixels, MOST_PIXELS);
  const decoderBytes = ({ widthPx, heightPx }: Size): number =>
    BASE_BYTES + 3 * file.length + read.pictureBytes + widthPx * heightPx * 6;
  return {
    kind: 'pixels',
    size: shownSize(library._FPDF_GetPageWidthF(read.page), library._FPDF_GetPageHeightF(read.page), mostPixels),
    orientation: 1,
    hasAlpha: false,
    channels: 3,
    bits: 8,
    colorSpace: 'srgb',
    pages: read.pages,
    drawn: true,
    decoderBytes,
    pageSize: (number) => bounds.run(() => sizeOfPage(library, read.document, number, mostPixels)),
    decode: async (size) => {
      bounds.grant(library.HEAPU8.length, decoderBytes(size));
      return bounds.run(() => draw(library, read, size));
    },
  };
}

interface ReadPage {
  readonly document: number;
  readonly pages: number;
  readonly page: number;
  readonly form: number;
  readonly pictureBytes: number;
}

function readPage(library: Pdfium, file: Buffer, number: number): ReadPage {
  library._FPDF_InitLibrary();
  const document = loadDocument(library, file);
  const pages = library._FPDF_GetPageCount(document);
  if (!(pages >= 1)) throw new DamagedSource('expected at least one page, got none');
  const page = library._FPDF_LoadPage(document, Math.min(number, pages) - 1);
  if (page === 0) throw new DamagedSource(`expected a page ${number} that can be read`);
  const form = formOf(library, document, page);
  return { document, pages, page, form, pictureBytes: pictureBytes(library, page) };
}

async function newLibrary({ heap }: PdfBounds): Promise<Pdfium> {
  const { create, module } = await decoderPackage(PACKAGE, 'PDF', async () => {
    const [{ PDFiumModule }, wasm] = await Promise.all([
      import('@hyzyla/pdfium'),
      compiledWasm('@hyzyla/pdfium/pdfium.wasm'),
    ]);
    return { create: PDFiumModule as unknown as (options: object) => Promise<Pdfium>, module: wasm };
  });
  return create(instanceOf(module, heap));
}

function loadDocument(library: Pdfium, file: Buffer): number {
  const at = library.wasmExports.malloc(file.length);
  if (at === 0) throw new ProofsheetError('source-limits-exceeded', 'expected a PDF of fewer bytes');
  library.HEAPU8.set(file, at);
  const document = library._FPDF_LoadMemDocument(at, file.length, 0);
  if (document !== 0) return document;
  const error = library._FPDF_GetLastError();
  if (error === ERROR.password) throw refusedKind('a PDF that only opens with a password');
  if (error === ERROR.security) throw refusedKind('a PDF that is encrypted in a way that is not known here');
  throw new DamagedSource(`PDFium error ${error}`);
}

/** More than the structure of callbacks takes. */
const CALLBACKS_BYTES = 512;

/** The fields of a form have an appearance of their own, which is drawn beside the page: 0 for none. No callback is given, and no script runs. */
function formOf(library: Pdfium, document: number, page: number): number {
  const callbacks = library.wasmExports.malloc(CALLBACKS_BYTES);
  if (callbacks === 0) return 0;
  library.HEAPU8.fill(0, callbacks, callbacks + CALLBACKS_BYTES);
  // Its version stands first; the second is for forms of another kind.
  library.HEAPU8[callbacks] = 1;
  const form = library._FPDFDOC_InitFormFillEnvironment(document, callbacks);
  if (form !== 0) library._FORM_OnAfterLoadPage(page, form);
  return form;
}

/** What a page of so many points is taken for: the largest that it is drawn at. */
function shownSize(width: number, height: number, mostPixels: number): Size {
  if (!(width > 0 && height > 0 && width < 1e7 && height < 1e7)) {
    throw new DamagedSource(`expected a page with a size, got ${width}x${height}`);
  }
  const long = Math.max(width, height);
  const scale = Math.min(
    Math.max(PIXELS_PER_POINT, LEAST_LONG_SIDE_PX / long),
    MOST_SIDE_PX / long,
    Math.sqrt(mostPixels / (width * height)),
  );
  return { widthPx: Math.max(1, Math.round(width * scale)), heightPx: Math.max(1, Math.round(height * scale)) };
}

function sizeOfPage(library: Pdfium, document: number, number: number, mostPixels: number): Size {
  const at = library.wasmExports.malloc(8);
  if (at === 0 || library._FPDF_GetPageSizeByIndexF(document, number - 1, at) === 0) {
    throw new DamagedSource(`expected a page ${number} that can be read`);
  }
  const floats = Buffer.from(library.HEAPU8.buffer, library.HEAPU8.byteOffset + at, 8);
  return shownSize(floats.readFloatLE(0), floats.readFloatLE(4), mostPixels);
}

function draw(library: Pdfium, { page, form }: Pick<ReadPage, 'page' | 'form'>, { widthPx, heightPx }: Size): Pixels {
  const bytes = widthPx * heightPx * 3;
  const at = library.wasmExports.malloc(bytes);
  const bitmap = at === 0 ? 0 : library._FPDFBitmap_CreateEx(widthPx, heightPx, RGB_BITMAP, at, widthPx * 3);
  if (bitmap === 0) throw new ProofsheetError('source-limits-exceeded', 'expected a page that takes less memory');
  library._FPDFBitmap_FillRect(bitmap, 0, 0, widthPx, heightPx, WHITE);
  const flags = FLAGS.annotations | FLAGS.reverseByteOrder;
  library._FPDF_RenderPageBitmap(bitmap, page, 0, 0, widthPx, heightPx, 0, flags);
  if (form !== 0) library._FPDF_FFLDraw(form, bitmap, page, 0, 0, widthPx, heightPx, 0, flags);
  // The heap may have moved.
  return { samples: library.HEAPU8.subarray(at, at + bytes), widthPx, heightPx, channels: 3 };
}
