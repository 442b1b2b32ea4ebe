// The versions of an asset: all, one, another one, and going back to one that is there.
import { json } from '../../replies/reply.js';
import { type Route, route } from '../route.js';
import { assetObject, versionObject } from './asset-object.js';
import { OF_ADD_VERSION, OF_REVERT, OF_VERSION, OF_VERSIONS } from './descriptions.js';
import { assetNamed, libraryOf, livingAssetNamed, type MediagraphSettings, READING, settingsFor } from './face.js';
import { invalid, notFound } from './failures.js';
import { parseNumber } from './ids.js';
import { objectIn, Params, textOf } from './params.js';
import { signedUploadUrl, uploadWishOf } from './uploads.js';

const WRITING = { ...READING, verbs: ['POST'], body: 'json', isBodyLoose: true } as const;

interface AskedVersions {
  readonly name: string;
  readonly withRenditions: boolean;
}

/** The latest first. */
export function assetVersions(settings: MediagraphSettings): Route {
  return route<AskedVersions>({
    ...READING,
    name: 'assetDataVersions',
    path: '/api/assets/{asset}/asset_data_versions',
    scope: 'asset_data_version',
    description: OF_VERSIONS,
    parse: ({ segments: [name = ''], url }) => ({ name, withRenditions: new Params(url).flag('include_renditions') }),
    async run({ name, withRenditions }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const found = await livingAssetNamed(library, tenant, name);
      const versions = await library.library.listVersions(tenant.context, found.asset.id);
      const showing = { settings: settingsFor(settings, call), use: library, tenant, withRenditions };
      return json(versions.map((version) => versionObject(showing, found, version)));
    },
  });
}

export function assetVersion(settings: MediagraphSettings): Route {
  return route<AskedVersions & { readonly number: number | undefined }>({
    ...READING,
    name: 'assetDataVersion',
    path: '/api/assets/{asset}/asset_data_versions/{number}',
    scope: 'asset_data_version',
    description: OF_VERSION,
    parse: ({ segments: [name = '', number = ''], url }) => ({
      name,
      number: parseNumber(number),
      withRenditions: new Params(url).flag('include_renditions'),
    }),
    async run({ name, number, withRenditions }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const found = await livingAssetNamed(library, tenant, name);
      const version =
        number === undefined ? undefined : await library.library.findVersion(tenant.context, found.asset.id, number);
      if (version === undefined) throw notFound('version');
      return json(
        versionObject({ settings: settingsFor(settings, call), use: library, tenant, withRenditions }, found, version),
      );
    },
  });
}

export function addVersion(settings: MediagraphSettings): Route {
  return route<{ readonly name: string; readonly body: unknown }>({
    ...WRITING,
    name: 'addVersion',
    path: '/api/assets/{asset}/add_version',
    scope: 'asset_data_version',
    description: OF_ADD_VERSION,
    parse: ({ segments: [name = ''] }, body) => ({ name, body }),
    async run({ name, body }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const { asset } = await livingAssetNamed(library, tenant, name);
      const { path: _, ...wish } = uploadWishOf(body);
      const { maxBytes } = library.uploads;
      if ((wish.declaredBytes ?? 0) > maxBytes) throw invalid('file_size', `must be at most ${maxBytes} bytes`);
      const prepared = await library.uploads.prepareVersion(tenant, asset.id, wish);
      return json({ signed_upload_url: signedUploadUrl(settingsFor(settings, call), library, prepared) });
    },
  });
}

export function revertAsset(settings: MediagraphSettings): Route {
  return route<{ readonly name: string; readonly number: number | undefined }>({
    ...WRITING,
    name: 'revertAsset',
    path: '/api/assets/{asset}/revert',
    scope: 'asset_data_version',
    description: OF_REVERT,
    parse({ segments: [name = ''], url }, body) {
      const version = objectIn(body).version ?? new Params(url).text('version');
      if (version === undefined) throw invalid('version', "can't be blank");
      return { name, number: parseNumber(textOf(version)) };
    },
    async run({ name, number }, use, call) {
      const library = libraryOf(use);
      const tenant = call.tenant();
      const { asset } = await livingAssetNamed(library, tenant, name);
      const changed =
        number === undefined ? undefined : await library.uploads.setHead(tenant.context, asset.id, number);
      if (changed === undefined) throw notFound('version');
      return json(
        assetObject(
          { settings: settingsFor(settings, call), use: library, tenant },
          await assetNamed(library, tenant, name),
        ),
      );
    },
  });
}
