// A deadline of our own around every call: the client's own stops counting once a command is written to the socket, so
// that a frozen server would be waited for without end.

export class DeadlineExceeded extends Error {
  constructor(readonly deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`);
  }
}

/** The outcome of `work`, or a `DeadlineExceeded` after `deadlineMs`; what `work` still does then is nobody's concern. */
export function withDeadline<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new DeadlineExceeded(deadlineMs)), deadlineMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
