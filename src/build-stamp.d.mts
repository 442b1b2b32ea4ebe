// What build-stamp.mjs gives to TypeScript.
export function stampBuild(root: string): void;
export function isBuilt(root: string): boolean;
