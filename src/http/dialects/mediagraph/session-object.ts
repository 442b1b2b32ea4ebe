// An upload session as Mediagraph shows it. It names no bucket, so that clients put files of every size to the one signed URL.
import type { Tenant } from '../../../kernel/library/tenant.js';
import type { UploadSession } from '../../../kernel/library/upload.js';
import { iso, organizationOf } from './face.js';
import { sessionGuidOf } from './ids.js';
import { contributionObject, userObject } from './start-objects.js';

export function sessionObject(
  tenant: Tenant,
  { number, name, note, standalone, createdAt, updatedAt, doneAt }: UploadSession,
  assets: number,
): Readonly<Record<string, unknown>> {
  return {
    id: number,
    user_id: organizationOf(tenant),
    guid: sessionGuidOf(number),
    name: name ?? null,
    note: note ?? null,
    aasm_state: null,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
    current_assets_count: assets,
    assets_count: assets,
    tag_names: [],
    default_rights_package_id: null,
    done: doneAt !== undefined,
    done_at: iso(doneAt),
    standalone,
    contribution_id: organizationOf(tenant),
    agreed_at: null,
    creator: null,
    other_creator: null,
    all_requirements_met: assets > 0,
    tag_suggesters_met: true,
    rights_packages_met: true,
    creator_tags_met: true,
    unmet_tag_suggester_ids: [],
    contribution: contributionObject(tenant),
    tag_suggesters: [],
    user: userObject(tenant),
    aws_key: null,
    bucket: null,
    ftp_username: null,
    ftp_password: null,
    ftp_url: null,
  };
}

export function doneObject({ number, doneAt }: UploadSession, assets: number): Readonly<Record<string, unknown>> {
  return {
    id: number,
    guid: sessionGuidOf(number),
    assets_count: assets,
    unsubmitted_assets_count: 0,
    all_requirements_met: true,
    done: doneAt !== undefined,
    done_at: iso(doneAt),
    tag_suggesters_met: true,
    unmet_tag_suggester_ids: [],
    rights_packages_met: true,
    creator_tags_met: true,
  };
}
