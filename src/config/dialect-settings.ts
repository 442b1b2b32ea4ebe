// The settings of single dialects.
import { text } from './kinds.js';
import { setting } from './setting.js';

export const LIVINGDOCS = {
  imageService: setting(
    'LIVINGDOCS_IMAGE_SERVICE',
    text('1 to 64 letters, digits, - and _', /^[A-Za-z0-9_-]{1,64}$/),
    'The image service that pictures of Livingdocs name; it stays in stored documents for ever, and renderers look it up in their own configuration.',
  ),
} as const;
