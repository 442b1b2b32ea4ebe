<?php
// Beside Nextcloud's config.php: its preview provider Imaginary asks Proofsheet.
$CONFIG = [
  'enabledPreviewProviders' => [
    'OC\Preview\Imaginary',
    // For what Proofsheet is told not to take (PROOFSHEET_SOURCE_TYPES): it answers 406, and Nextcloud tries these.
    'OC\Preview\BMP',
    'OC\Preview\HEIC',
    'OC\Preview\MarkDown',
    'OC\Preview\TXT',
  ],
  'preview_imaginary_url' => getenv('PROOFSHEET_IMAGINARY_URL') ?: 'http://proofsheet:9000',
  'preview_imaginary_key' => getenv('PROOFSHEET_TOKEN') ?: '',
  // Nextcloud keeps its previews too: small ones there and the long memory here cost least.
  'preview_max_x' => 2048,
  'preview_max_y' => 2048,
  'preview_format' => 'jpeg',
];
