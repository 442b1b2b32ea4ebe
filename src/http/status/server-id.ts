// What clients of the original may look for before they believe that they are connected.

/**
 * The id that the public code shared by the original's client and server gives its server. Where the client looks for it is
 * not published, so it stands wherever the server tells of itself.
 */
export const IMAGE_SERVER_ID = '57c6b91f-563b-4885-946d-0cc5799e2fdf';
