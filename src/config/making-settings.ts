// The settings of conversion: which previews are made, from which sources, by how many processes and at what cost.
import { EXACT_RULES } from '../kernel/exact.js';
import { NEGOTIATED_TYPES } from '../kernel/negotiation.js';
import { AUTO_RULES } from '../kernel/sequence.js';
import { SOURCE_TYPES } from '../kernel/source.js';
import { autoOr, bytes, choice, choices, flag, optional, targetFormats, whole } from './kinds.js';
import { setting } from './setting.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

export const SEQUENCE = {
  targetFormats: setting('TARGET_FORMATS', targetFormats(), 'The previews made of every source.'),
  auto: setting(
    'AUTO',
    choice(AUTO_RULES),
    'What auto makes of a still picture: JPEG or PNG, whichever is smaller at the same likeness; or, classic, PNG where alpha is used and else JPEG.',
  ),
  preConvert: setting(
    'PRE_CONVERT',
    flag(),
    'Make all of them of every upload. false makes only the one that is asked for, and each other one when it is; needs the kept source.',
  ),
} as const;

export const LIMITS = {
  maxSourceBytes: setting(
    'MAX_SOURCE_BYTES',
    bytes({ min: 1024, max: 16 * GIB }),
    'Largest source taken; larger ones are answered 413 (4130).',
  ),
  maxSourcePixels: setting(
    'MAX_SOURCE_PIXELS',
    whole('pixels', { min: 1, max: 4_294_967_295 }),
    'Most pixels of a source, width times height; more are answered 413 (4131). An animation with more in all its frames is shown by its first.',
  ),
  maxPages: setting(
    'MAX_PAGES',
    whole('pages or frames', { min: 1, max: 100_000 }),
    'Most pages or frames of a source; of one with more the first is shown alone.',
  ),
  sourceTypes: setting(
    'SOURCE_TYPES',
    choices(SOURCE_TYPES),
    'Types taken as sources, decided by their bytes; others are answered 415.',
  ),
} as const;

export const DRAWING = {
  exact: setting(
    'EXACT',
    choice(EXACT_RULES),
    'Who may ask for a format exactly, by match=exact: off nobody; listed whoever asks for a target format or one of PROOFSHEET_EXACT_FORMATS; signed who has a URL that is signed for it, or an API token; any everybody.',
  ),
  exactFormats: setting(
    'EXACT_FORMATS',
    optional(targetFormats()),
    'Formats that may be asked for exactly where PROOFSHEET_EXACT is listed; target formats may be without.',
  ),
  negotiate: setting(
    'NEGOTIATE',
    optional(choices(NEGOTIATED_TYPES)),
    'Types that take the place of JPEG where the request leaves the type open, the client takes them and they are smaller: made of the kept source when nobody waits, after the first answer. Unset: none.',
  ),
  maxBytes: setting(
    'DRAWING_MAX_BYTES',
    bytes({ min: MIB, max: 1024 * 1024 * GIB }),
    'Most bytes of pictures that are drawn on demand and belong to no sequence; above it those used longest ago go. They are the first to go where the disk is full.',
  ),
  maxSidePx: setting(
    'DRAWING_MAX_SIDE',
    whole('pixels', { min: 1, max: 16_384 }),
    'Longest side of a picture that is drawn on demand and larger than its source.',
  ),
  maxPixels: setting(
    'DRAWING_MAX_PIXELS',
    whole('pixels', { min: 1, max: 268_435_456 }),
    'Most pixels of a picture that is drawn on demand and larger than its source.',
  ),
} as const;

export const CONVERSION = {
  converters: setting(
    'CONVERTERS',
    autoOr(whole('processes', { min: 1, max: 256 })),
    'Converter child processes per HTTP process; auto shares one per core among the workers.',
    { auto: (machine, workers) => Math.max(1, Math.floor(machine.cores / workers)) },
  ),
  timeoutMs: setting(
    'CONVERSION_TIMEOUT_MS',
    whole('ms', { min: 100, max: 3_600_000 }),
    'Time a conversion may take; then its process is killed and the answer is 504.',
  ),
  queueLength: setting(
    'QUEUE_LENGTH',
    whole('conversions', { min: 1, max: 100_000 }),
    'Conversions that may wait per HTTP process; more are answered 503 with Retry-After.',
  ),
  queueTimeoutMs: setting(
    'QUEUE_TIMEOUT_MS',
    whole('ms', { min: 100, max: 3_600_000 }),
    'Time a conversion may wait before it starts; then the answer is 503 with Retry-After.',
  ),
  memoryBudgetBytes: setting(
    'CONVERSION_MEMORY_BYTES',
    autoOr(bytes({ min: 64 * MIB, max: 1024 * GIB })),
    'Memory that all conversions of an HTTP process may need together, by estimate before decoding; auto is half of the memory, at most 2 GiB, shared among the workers.',
    {
      auto: (machine, workers) => Math.max(64 * MIB, Math.floor(Math.min(machine.memoryBytes / 2, 2 * GIB) / workers)),
    },
  ),
  recycleAfter: setting(
    'CONVERTER_RECYCLE_AFTER',
    whole('conversions', { min: 1, max: 1_000_000 }),
    'Conversions after which a converter process is replaced.',
  ),
  recycleAboveBytes: setting(
    'CONVERTER_RECYCLE_ABOVE_BYTES',
    bytes({ min: 64 * MIB, max: 1024 * GIB }),
    'Resident memory above which an idle converter process is replaced.',
  ),
  niceness: setting(
    'CONVERTER_NICENESS',
    whole('niceness', { min: 0, max: 19 }),
    'How far converter processes step back for answers; 0 not at all, 19 the furthest.',
  ),
} as const;
