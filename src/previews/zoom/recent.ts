// What was used last, up to a weight: the smallest cache that is bounded.

export class Recent<K, V> {
  private readonly kept = new Map<K, { readonly value: V; readonly weight: number }>();
  private weight = 0;

  constructor(private readonly maxWeight: number) {}

  get(key: K): V | undefined {
    const found = this.kept.get(key);
    if (found === undefined) return undefined;
    // A map lists its keys in the order in which they were set.
    this.kept.delete(key);
    this.kept.set(key, found);
    return found.value;
  }

  /** A value of more than the whole weight is not kept. */
  set(key: K, value: V, weight = 1): void {
    this.delete(key);
    if (weight > this.maxWeight) return;
    this.kept.set(key, { value, weight });
    this.weight += weight;
    for (const oldest of this.kept.keys()) {
      if (this.weight <= this.maxWeight) return;
      this.delete(oldest);
    }
  }

  delete(key: K): void {
    const found = this.kept.get(key);
    if (found === undefined) return;
    this.kept.delete(key);
    this.weight -= found.weight;
  }
}
