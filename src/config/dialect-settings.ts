// The settings of single dialects.
import { parseSourcePrefix } from '../kernel/source-prefix.js';
import { flag, optional, parsedList, text, whole } from './kinds.js';
import { setting } from './setting.js';

export const LIVINGDOCS = {
  imageService: setting(
    'LIVINGDOCS_IMAGE_SERVICE',
    text('1 to 64 letters, digits, - and _', /^[A-Za-z0-9_-]{1,64}$/),
    'The image service that pictures of Livingdocs name; it stays in stored documents for ever, and renderers look it up in their own configuration.',
  ),
} as const;

export const IMAGINARY = {
  port: setting(
    'IMAGINARY_PORT',
    optional(whole('port number', { min: 0, max: 65_535 })),
    'Port with the dialect imaginary alone, at its root, beside its path on the main port; 9000 is what clients of imaginary are used to.',
  ),
  sources: setting(
    'IMAGINARY_SOURCES',
    optional(
      parsedList(
        '* or list of 1 to 100 URL prefixes, as https://example.org/pictures, https://*.example.org',
        100,
        (part) => (part === '*' ? ('*' as const) : parseSourcePrefix(part)),
      ),
    ),
    'Where the dialect imaginary fetches pictures from that a GET names by url, through the limits and guards of the settings fetch.*; * is everywhere. Unset: nowhere.',
  ),
  signKey: setting(
    'IMAGINARY_SIGN_KEY',
    optional(text('32 to 256 visible characters', /^[\x21-\x7e]{32,256}$/)),
    'Key of URL signatures of the dialect imaginary: every picture needs a sign that is made with it.',
    { secret: true, reloads: true },
  ),
  cacheTtlSeconds: setting(
    'IMAGINARY_CACHE_TTL',
    optional(whole('seconds', { min: 0, max: 31_556_926 })),
    'How long pictures that the dialect imaginary answers a GET with may be kept by caches; 0 is not at all. Unset is the same as 0.',
  ),
  placeholder: setting(
    'IMAGINARY_PLACEHOLDER',
    optional(text('path of a picture file')),
    'Picture that a GET of the dialect imaginary is answered with where its own cannot be had, in the size and type that were asked for, with the status of the failure.',
  ),
  context: setting(
    'IMAGINARY_CONTEXT',
    optional(text('up to 256 characters, percent-encoded as in a URL', /^(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2}){1,256}$/)),
    'What uploads to the dialect imaginary are charged to; where API tokens are configured, its API key is one that is for this context. Unset is the default context.',
  ),
} as const;

export const ZOOMHUB = {
  tenant: setting(
    'ZOOMHUB_TENANT',
    optional(text('1 to 64 of a-z, 0-9 and -', /^[a-z0-9-]{1,64}$/)),
    'The tenant whose library holds the contents of the dialect zoomhub, and whose quota and hosts they count to; without it the dialect is shut.',
  ),
  takesNew: setting(
    'ZOOMHUB_TAKES_NEW',
    flag(),
    'Whether zoomhub fetches URLs that nobody has asked for before, for whoever asks; else those are answered 503.',
  ),
  takesUploads: setting(
    'ZOOMHUB_TAKES_UPLOADS',
    flag(),
    'Whether zoomhub takes files from whoever asks for a signed URL to send one to; else that is answered 503. Needs access.urlKeys, which sign them.',
  ),
  requiresEmail: setting(
    'ZOOMHUB_REQUIRES_EMAIL',
    flag(),
    'Whether a URL that nobody has asked for before, or a file, needs `email=` beside it, as on newer servers of ZoomHub; else it is taken where it is given. It is kept with the asset, and told to nobody.',
  ),
} as const;
