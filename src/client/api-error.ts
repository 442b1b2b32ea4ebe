// A failure that a server has answered with.

/** What the server said: `code` is stable (4040: no such image), `message` is for people. */
export class ProofsheetApiError extends Error {
  override readonly name = 'ProofsheetApiError';

  constructor(
    /** The HTTP status. */
    readonly status: number,
    /** As docs/API.md lists them; `undefined` where something in between answered. */
    readonly code: number | undefined,
    message: string,
  ) {
    super(message);
  }

  /** The failure of an answer, whose body is read. */
  static async of(response: Response): Promise<ProofsheetApiError> {
    const text = await response.text().catch(() => '');
    let told: unknown;
    try {
      told = JSON.parse(text);
    } catch {
      // A proxy that answers with a page has no code of ours.
    }
    const { code, message } = (typeof told === 'object' && told !== null ? told : {}) as Record<string, unknown>;
    return new ProofsheetApiError(
      response.status,
      typeof code === 'number' ? code : undefined,
      typeof message === 'string' ? message : `the server answered with status ${response.status}`,
    );
  }
}
