// The settings of the library: who its tenants are, how much is imported at once, and how long what is over stays.
import { optional, text, whole } from './kinds.js';
import { setting } from './setting.js';

const TEN_YEARS_S = 315_360_000;

export const LIBRARY = {
  tenants: setting(
    'TENANTS',
    optional(text('path of a YAML file')),
    'Who may use the library, by which credentials, and how much; read again when it changes and on SIGHUP. Without it every dialect of the library is shut.',
  ),
  importConcurrency: setting(
    'IMPORT_CONCURRENCY',
    whole('images', { min: 1, max: 1_000 }),
    'Images of imports that are fetched and converted at the same time, in all processes of a server together; one context has three quarters of them at most.',
  ),
  importMaxItems: setting(
    'IMPORT_MAX_ITEMS',
    whole('images', { min: 1, max: 100_000 }),
    'Most images of one import; a longer one is refused as a whole.',
  ),
  importMaxOpen: setting(
    'IMPORT_MAX_OPEN',
    whole('imports', { min: 1, max: 1_000_000 }),
    'Imports of a tenant that have not ended, beyond which the next is refused.',
  ),
  importKeepSeconds: setting(
    'IMPORT_KEEP_SECONDS',
    whole('seconds', { min: 60, max: TEN_YEARS_S }),
    'How long an import that has ended can be asked for; 7 days unless said otherwise.',
  ),
  uploadMaxOpen: setting(
    'UPLOAD_MAX_OPEN',
    whole('uploads', { min: 1, max: 1_000_000 }),
    'Uploads of a tenant that were prepared and not completed, beyond which the next is refused.',
  ),
  uploadKeepSeconds: setting(
    'UPLOAD_KEEP_SECONDS',
    whole('seconds', { min: 3_600, max: TEN_YEARS_S }),
    'How long an upload that was prepared and is not completed is kept, with what it has received; a day unless said otherwise.',
  ),
  trashSeconds: setting(
    'TRASH_SECONDS',
    whole('seconds', { min: 0, max: TEN_YEARS_S }),
    'How long an asset stays in the trash, with its originals, before it is erased; 30 days unless said otherwise.',
  ),
} as const;
