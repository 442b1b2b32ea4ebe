// The names of an asset in the order of Mediagraph's own details, and the values that are the same for all: a table, no logic.

/** Every name is in every answer; what has no value is `null`. */
export const ASSET_FIELDS: readonly string[] = [
  'id filename file_size guid short_guid type ext duration md5 mime_type description width height ppi',
  'downloadable original_downloadable editable manageable rights_editable rights_manageable taggable',
  'description_editable expired expires_at release contract released has_people headline title credit_line event',
  'city state country sublocation featured_organization_name usage_terms content_preview has_transcript',
  'transcription_job_status creator vote nsfw_detected data_version_number preview_type downloadable_previews',
  'block_level rights_package_block_level max_block_level textract_retrieved_at submitted preview_image_url',
  'checked_out_at frame_asset_id frame_status alt_text has_document_url has_pdf_url rating path catalogue_number',
  'upload_finished_at upload_started_at processing_started_at upload_id user_id aasm_state processing_finished_at',
  'processing_error processing_progress file_type created_at updated_at s3_upload_id s3_upload_key',
  'time_to_process captured_at captured_at_truncation captured_at_offset notes created_via created_via_id vector',
  'rights_package_id submitted_at downloads_count latitude longitude optimization_requested_at',
  'optimization_completed_at trashed_at last_external_sync_at rekognition_labels_retrieved_at',
  'rekognition_faces_requested_at rekognition_faces_retrieved_at face_indexing_state faces_searched_at',
  'rights_status rights_status_name rights_status_description creator_tag storage_folder_path tags renditions',
  'aspect transcript transcript_version vtt_url transcript_output_json_url has_ocr_content description_writer',
  'country_code iptc_event_id organization_in_image_name extended_description iptc_job_id intellectual_genre',
  'scene subject_code instructions iptc_rights web_statement model_release_status property_release_status',
  'authors_position iptc_source copyright_owner iptc_dig_image_guid image_supplier iptc_image_supplier_image_id',
  'licensor addl_model_info iptc_model_release_id model_age minor_model_age_disclosure iptc_property_release_id',
  'product_in_image artwork_or_object user data_versions_count trashed_by creator_contact_info auto_tags_count',
  'moderation_labels checked_in_at checkout_integration rekognition_faces ignored_face_ids pdf_url meta_structs',
  'links custom_meta_values download_sizes storage_folder collections lightboxes available_rights_packages',
  'rights_package upload all_requirements_met tag_suggesters_met rights_package_met creator_tag_met',
  'unmet_tag_suggester_ids collective_work_ids',
].flatMap((line) => line.split(' '));

/** What nothing here can change. */
export const CONSTANT_FIELDS: Readonly<Record<string, unknown>> = {
  ...valued(true, 'editable manageable rights_editable rights_manageable taggable description_editable'),
  ...valued(true, 'all_requirements_met tag_suggesters_met rights_package_met creator_tag_met'),
  ...valued(
    false,
    'expired release contract released has_transcript nsfw_detected has_document_url has_pdf_url pdf_url',
  ),
  ...valued(0, 'block_level max_block_level auto_tags_count downloads_count'),
  ...valued([], 'creator tags meta_structs links custom_meta_values collections lightboxes available_rights_packages'),
  ...valued([], 'unmet_tag_suggester_ids collective_work_ids'),
  type: 'Image',
  preview_type: 'Image',
  face_indexing_state: 'not_requested',
};

function valued(value: unknown, names: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, value]));
}
