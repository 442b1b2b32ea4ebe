// What clients ask for before they begin: who they are, their organisation, and the one folder and contribution that there are.
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { LibraryUsage } from '../../../kernel/ports/assets.js';
import { organizationOf } from './face.js';
import { MEDIUM_PX } from './renditions.js';

const FOLDER_NAME = 'Library';

/** A token is of an organisation, not of a person: the organisation is its own only user. */
export function userObject(tenant: Tenant): Readonly<Record<string, unknown>> {
  const id = organizationOf(tenant);
  const { name } = tenant;
  const initials = [...name.matchAll(/(?:^|\s)(\S)/g)].map(([, first]) => first).join('');
  return {
    id,
    first_name: name,
    last_name: '',
    email: null,
    created_at: null,
    default_username: tenant.id,
    timezone: 'UTC',
    guest: false,
    guest_email: null,
    avatar_url: null,
    name,
    initials: initials.slice(0, 2).toUpperCase(),
    username: tenant.id,
    title: null,
    user_id: id,
    lang: 'en',
    notify_new_membership_requests: false,
  };
}

export function organizationObject(tenant: Tenant): Readonly<Record<string, unknown>> {
  const { watermark } = tenant;
  return {
    id: organizationOf(tenant),
    title: tenant.name,
    name: tenant.name,
    slug: tenant.id,
    medium_download_size: MEDIUM_PX,
    watermark_url: null,
    watermark_text: watermark?.kind === 'text' ? watermark.text : null,
    watermark_format: watermark?.kind ?? 'text',
    watermark_opacity: watermark?.opacity ?? 0.75,
    watermark_scale: watermark?.scale ?? 1,
  };
}

export function whoamiObject(tenant: Tenant): Readonly<Record<string, unknown>> {
  const organization = organizationObject(tenant);
  return {
    ...userObject(tenant),
    confirmed_at: null,
    otp_required_for_login: false,
    can_create_orgs: false,
    enable_lightroom: false,
    user_group_ids: [],
    last_organization: organization,
    oauth_token: null,
    membership: { role_level: 'admin', organization_id: organization.id },
    organization,
    organizations: [{ id: organization.id, name: tenant.name }],
  };
}

/** `usage`: where it is known. */
export function folderObject(tenant: Tenant, usage?: LibraryUsage): Readonly<Record<string, unknown>> {
  const id = organizationOf(tenant);
  return {
    id,
    name: FOLDER_NAME,
    slug: FOLDER_NAME.toLowerCase(),
    type: 'StorageFolder',
    sub_type: null,
    organizer: false,
    has_children: false,
    parent_id: null,
    ancestor_ids: [],
    path_names: [FOLDER_NAME],
    path_slugs: [FOLDER_NAME.toLowerCase()],
    asset_group_id: id,
    contribution_id: id,
    visible_assets_count: usage?.assets ?? null,
    total_file_size: usage?.bytes ?? null,
    editable: true,
  };
}

export function contributionObject(tenant: Tenant): Readonly<Record<string, unknown>> {
  const id = organizationOf(tenant);
  return {
    enabled: true,
    id,
    name: FOLDER_NAME,
    text: null,
    featured: false,
    slug: FOLDER_NAME.toLowerCase(),
    storage_folder_id: id,
    type: 'storage_folder',
    storage_folder: folderObject(tenant),
  };
}
