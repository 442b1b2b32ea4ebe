// What a pure function said last, for what is asked again and again: the same answer, without the work.

/**
 * `compute` by its name: who asks with an equal name gets the very answer of the one before, as long as fewer than `most` others were
 * asked for since. Names have to tell all that the answer depends on. What throws is not remembered.
 */
export function remembered<T>(most: number): (name: string, compute: () => T) => T {
  const answers = new Map<string, T>();
  return (name, compute) => {
    const known = answers.get(name);
    if (known !== undefined) {
      // A Map tells its keys in the order in which they were set: the first is the one that was not asked for the longest.
      answers.delete(name);
      answers.set(name, known);
      return known;
    }
    const answer = compute();
    answers.set(name, answer);
    const [oldest] = answers.keys();
    if (answers.size > most && oldest !== undefined) answers.delete(oldest);
    return answer;
  };
}
