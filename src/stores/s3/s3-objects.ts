// Objects of one bucket under one prefix, named by the digests of their bytes or by names made of them: the requests, and nothing of what is done
// with a blob. The only file that knows the AWS SDK's commands.
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Digest, parseDigest } from '../../kernel/digest.js';
import { answerOf } from './s3-failures.js';
import type { S3Requests } from './s3-requests.js';

export interface ListedObject {
  readonly digest: Digest;
  /** Unix ms. */
  readonly modifiedAt: number;
}

export interface ListedPage {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins; `undefined` after the last one. */
  readonly next: string | undefined;
}

export class S3Objects {
  constructor(
    private readonly client: S3Client,
    private readonly requests: S3Requests,
    private readonly bucket: string,
    private readonly prefix: string,
  ) {}

  /** Makes sure that the bucket is there. Throws the service's own error when it says no. */
  async checkBucket(signal: AbortSignal): Promise<void> {
    await this.client.send(new HeadBucketCommand({ Bucket: this.bucket }), { abortSignal: signal });
  }

  /**
   * Stores `bytes` bytes that `body` gives anew for every attempt. The digest goes with the request as the body's signed
   * hash, so that a service that checks it (AWS does) takes no other bytes. `name`: unless it is the digest.
   */
  async put(digest: Digest, bytes: number, body: () => Buffer | Readable, name: string = digest): Promise<void> {
    await this.requests.run(bytes, async (abortSignal) => {
      const sent = body();
      const command = new PutObjectCommand({
        Bucket: this.bucket,
        Key: this.nameOf(name),
        Body: sent,
        ContentLength: bytes,
        ContentType: 'application/octet-stream',
      });
      command.middlewareStack.add(
        (next) => (args) => {
          const { headers } = args.request as { headers: Record<string, string> };
          headers['x-amz-content-sha256'] = digest;
          return next(args);
        },
        { step: 'build', name: 'bodyHash' },
      );
      try {
        await this.client.send(command, { abortSignal });
      } finally {
        // The client leaves what it has not read to its end as it is, with its file open.
        if (!Buffer.isBuffer(sent)) sent.destroy();
      }
    });
  }

  /** What `read` makes of the object's body; `undefined` when there is no object. `part`: that
   * part of it alone. `read` must end when `signal` aborts. */
  async get<T>(
    name: string,
    maxBytes: number,
    read: (body: Readable, bytes: number | undefined, signal: AbortSignal) => Promise<T>,
    part?: { readonly start: number; readonly bytes: number },
  ): Promise<T | undefined> {
    return this.requests.run(maxBytes, async (signal) => {
      const command = new GetObjectCommand({
        Bucket: this.bucket,
        Key: this.nameOf(name),
        ...(part && { Range: `bytes=${part.start}-${part.start + part.bytes - 1}` }),
      });
      const sent = await this.client.send(command, { abortSignal: signal }).catch((error: unknown) => {
        // It ends before the part begins: there are no bytes of that.
        if (part && answerOf(error).status === 416) return { Body: Readable.from([]), ContentLength: 0 };
        throw error;
      });
      const { Body, ContentLength } = sent;
      if (Body === undefined) throw new Error('expected an answer with a body, got none');
      // In Node the body is a stream of node:stream, and nothing else.
      const body = Body as Readable;
      try {
        return await read(body, ContentLength, signal);
      } finally {
        body.destroy();
      }
    });
  }

  async has(name: string): Promise<boolean> {
    return (await this.lengthOf(name)) !== undefined;
  }

  /** In bytes; `undefined` when there is no object. */
  async lengthOf(name: string): Promise<number | undefined> {
    return this.requests.run(0, async (abortSignal) => {
      const command = new HeadObjectCommand({ Bucket: this.bucket, Key: this.nameOf(name) });
      return (await this.client.send(command, { abortSignal })).ContentLength ?? 0;
    });
  }

  /** One by one: not every service has the request for many, and its checksum rules differ. */
  async delete(name: string): Promise<void> {
    await this.requests.run(0, async (abortSignal) => {
      const command = new DeleteObjectCommand({ Bucket: this.bucket, Key: this.nameOf(name) });
      await this.client.send(command, { abortSignal });
    });
  }

  /** Up to 1,000 objects from `from` on; objects whose names are no digest are passed over. */
  async list(from: string | undefined): Promise<ListedPage> {
    const page = await this.requests.run(0, (abortSignal) =>
      this.client.send(
        new ListObjectsV2Command({ Bucket: this.bucket, Prefix: this.prefix, StartAfter: from ?? this.prefix }),
        { abortSignal },
      ),
    );
    const contents = page?.Contents ?? [];
    const objects = contents.flatMap(({ Key, LastModified }) => {
      const digest = parseDigest(Key?.slice(this.prefix.length) ?? '');
      return digest && LastModified ? [{ digest, modifiedAt: LastModified.getTime() }] : [];
    });
    return { objects, next: page?.IsTruncated === true ? contents.at(-1)?.Key : undefined };
  }

  private nameOf(name: string): string {
    return `${this.prefix}${name}`;
  }
}
