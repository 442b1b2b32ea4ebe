<?php
// Signs the URL of a preview: php sign_url.php KEY FORMAT [CONTEXT]. The key ID:SECRET is in PROOFSHEET_URL_KEY.
declare(strict_types=1);

/** The URL of the preview, for everybody who has it, for so many seconds. */
function signedUrl(
    string $base,
    string $keyId,
    string $secret,
    string $key,
    string $format,
    string $context = '',
    int $seconds = 600
): string {
    $path = '/getImage/' . rawurlencode($key) . '/' . rawurlencode($format);
    $expires = (string) (time() + $seconds);
    $text = implode("\n", ['proofsheet-url-v1', $path, rawurlencode($context), $expires]);
    $digest = hash_hmac('sha256', $text, $secret, true);
    $signature = rtrim(strtr(base64_encode($digest), '+/', '-_'), '=');
    $query = "expires=$expires&kid=" . rawurlencode($keyId) . "&signature=$signature";
    if ($context !== '') {
        $query = 'context=' . rawurlencode($context) . "&$query";
    }
    return "$base$path?$query";
}

[$keyId, $secret] = explode(':', (string) getenv('PROOFSHEET_URL_KEY'), 2);
$base = getenv('PROOFSHEET_URL') ?: 'http://127.0.0.1:8005/imageconverter';
echo signedUrl($base, $keyId, $secret, $argv[1], $argv[2], $argv[3] ?? ''), "\n";
