// How places that anybody may take are shared, so that whoever comes next finds one. Pure.

/**
 * How many of `places` one context may have while others have `taken`: of what they leave three quarters, rounded down, and one at
 * least. So a context whose work hangs never has all of them, and the next one finds a place free at once.
 */
export function shareOf(places: number, taken: number): number {
  return Math.max(1, Math.floor((3 * (places - taken)) / 4));
}
