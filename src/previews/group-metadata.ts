// The metadata answer of a group: the source's tag groups, the upload's file name, and our own facts.
import { type CatalogEntry, contentDigestOf, ownPreviews } from '../kernel/source.js';
import type { GroupMetadata } from './answers.js';

/** Metadata of `entry`; the file name is the group's own, since equal sources come under many names. */
export function groupMetadata({ group, source }: CatalogEntry): GroupMetadata {
  const { File: file = {}, ...others } = source.metadata;
  const named = group.fileName === undefined ? file : { 'File Name': group.fileName, ...file };
  return {
    groups: { ...others, File: named },
    proofsheet: {
      digest: `sha256:${contentDigestOf(source)}`,
      createdAt: new Date(group.createdAt).toISOString(),
      previews: ownPreviews(source).map((preview) => ({
        format: preview.formats,
        type: preview.type,
        width: preview.widthPx,
        height: preview.heightPx,
        bytes: preview.bytes,
        digest: `sha256:${preview.digest}`,
      })),
    },
  };
}
