// The settings of single dialects.
import { optional, text } from './kinds.js';
import { setting } from './setting.js';

export const LIVINGDOCS = {
  imageService: setting(
    'LIVINGDOCS_IMAGE_SERVICE',
    text('1 to 64 letters, digits, - and _', /^[A-Za-z0-9_-]{1,64}$/),
    'The image service that pictures of Livingdocs name; it stays in stored documents for ever, and renderers look it up in their own configuration.',
  ),
} as const;

export const IMAGINARY = {
  context: setting(
    'IMAGINARY_CONTEXT',
    optional(text('up to 256 characters, percent-encoded as in a URL', /^(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2}){1,256}$/)),
    'What uploads to the dialect imaginary are charged to; where API tokens are configured, its API key is one that is for this context. Unset is the default context.',
  ),
} as const;
