// An app of documents: whoever opens it uploads a picture, and sees previews of all. Uploads go through the app, which has the token;
// browsers fetch previews from Proofsheet itself, by URLs that are signed for ten minutes.
import express from 'express';
import multer from 'multer';
import { ProofsheetApiError, ProofsheetClient } from 'proofsheet/client';

const {
  PROOFSHEET_URL = 'http://127.0.0.1:8005/imageconverter',
  PROOFSHEET_TOKEN,
  PROOFSHEET_URL_KEY = '',
  PORT = '3000',
} = process.env;
const [id, secret] = PROOFSHEET_URL_KEY.split(/:(.*)/s);
const proofsheet = new ProofsheetClient({ url: PROOFSHEET_URL, token: PROOFSHEET_TOKEN });
/** By the key that Proofsheet knows it under; an app of yours has a table for it. */
const documents = new Map();

const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const upload = multer({ storage: multer.memoryStorage(), limits: { fileSize: 50_000_000, files: 1 } });
const app = express();

app.get('/', async (_request, response) => {
  const pictures = await Promise.all(
    [...documents].map(async ([key, name]) => {
      const url = await proofsheet.signedPreviewUrl(key, 'auto:200x150', { id, secret }, { expiresInSeconds: 600 });
      return `<figure><img src="${escaped(url)}" alt=""><figcaption>${escaped(name)}</figcaption></figure>`;
    }),
  );
  response.type('html').send(`<!doctype html><html lang="en"><title>Documents</title><h1>Documents</h1>
<form method="post" action="/documents" enctype="multipart/form-data"><input type="file" name="file" required><button>Upload</button></form>
${pictures.join('\n')}</html>`);
});

app.post('/documents', upload.single('file'), async (request, response) => {
  if (request.file === undefined) return response.status(400).send('expected a file');
  // The client asks by the digest first: what Proofsheet has already is not sent again.
  const { key } = await proofsheet.put(new Blob([request.file.buffer]));
  documents.set(key, request.file.originalname);
  response.redirect(303, '/');
});

app.use((error, _request, response, _next) => {
  // What is no picture is told in Proofsheet's words; whatever else went wrong is ours.
  const isTold = error instanceof ProofsheetApiError && error.status < 500;
  response.status(isTold ? error.status : 502).send(isTold ? error.message : 'the previews are not to be had now');
});

const server = app.listen(Number(PORT), '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
