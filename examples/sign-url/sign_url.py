"""Signs the URL of a preview: python3 sign_url.py KEY FORMAT [CONTEXT]. The key ID:SECRET is in PROOFSHEET_URL_KEY."""

import base64
import hashlib
import hmac
import os
import sys
import time
from urllib.parse import quote


def signed_url(base, key_id, secret, key, image_format, context="", seconds=600):
    """The URL of the preview, for everybody who has it, for so many seconds."""
    path = f"/getImage/{quote(key, safe='')}/{quote(image_format, safe='')}"
    expires = str(int(time.time()) + seconds)
    text = "\n".join(["proofsheet-url-v1", path, quote(context, safe=""), expires])
    digest = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    query = f"expires={expires}&kid={quote(key_id, safe='')}&signature={signature}"
    if context:
        query = f"context={quote(context, safe='')}&{query}"
    return f"{base}{path}?{query}"


if __name__ == "__main__":
    key_id, secret = os.environ["PROOFSHEET_URL_KEY"].split(":", 1)
    base = os.environ.get("PROOFSHEET_URL", "http://127.0.0.1:8005/imageconverter")
    print(signed_url(base, key_id, secret, *sys.argv[1:4]))
