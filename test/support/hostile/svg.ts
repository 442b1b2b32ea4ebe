// SVG documents that attack: by size, by expansion, by what they refer to.

const open = (attributes: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${attributes}>`;

export function svg(body: string, attributes = 'width="100" height="100"'): Buffer {
  return Buffer.from(`${open(attributes)}${body}</svg>`);
}

/** `levels` of groups that each use the one before ten times. */
export function useBomb(levels: number): Buffer {
  const groups = Array.from(
    { length: levels },
    (_, level) =>
      `<g id="g${level + 1}">${level === 0 ? '<rect width="1" height="1"/>' : `<use xlink:href="#g${level}"/>`.repeat(10)}</g>`,
  );
  return svg(`<defs>${groups.join('')}</defs><use xlink:href="#g${levels}"/>`);
}

/** Entities of ten entities each, ten levels deep: 10^10 letters. */
export function entityBomb(): Buffer {
  const entities = Array.from(
    { length: 10 },
    (_, level) => `<!ENTITY e${level} "${level === 0 ? 'lol' : `&e${level - 1};`.repeat(10)}">`,
  );
  return Buffer.from(
    `<?xml version="1.0"?><!DOCTYPE svg [${entities.join('')}]>${open('width="100" height="100"')}<text y="20">&e9;</text></svg>`,
  );
}

/** An entity that is a file of the server. */
export function entityReading(url: string): Buffer {
  return Buffer.from(
    `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "${url}">]>${open('width="100" height="100"')}<text y="20">&x;</text></svg>`,
  );
}

export function nested(depth: number): Buffer {
  return svg(`${'<g>'.repeat(depth)}<rect width="1" height="1"/>${'</g>'.repeat(depth)}`);
}

/** A blur of a radius no screen has, over a filter region as large as allowed, `count` times in a row. */
export function filterBomb(count: number): Buffer {
  const steps = '<feGaussianBlur stdDeviation="2000"/><feMorphology operator="dilate" radius="500"/>'.repeat(count);
  return svg(
    `<filter id="f" x="-1000%" y="-1000%" width="2100%" height="2100%">${steps}</filter><rect width="3000" height="3000" fill="red" filter="url(#f)"/>`,
    'width="3000" height="3000"',
  );
}

/** Everything that could make a renderer fetch `url`, and a green square to show that the rest is drawn. */
export function referring(url: string): Buffer {
  return svg(
    [
      `<style>@import url("${url}"); rect { fill: #00ff00 }</style>`,
      `<image xlink:href="${url}" width="100" height="100"/>`,
      `<image href="${url}" width="100" height="100"/>`,
      `<use xlink:href="${url}#x"/>`,
      `<foreignObject width="100" height="100"><iframe xmlns="http://www.w3.org/1999/xhtml" src="${url}"/></foreignObject>`,
      `<script xlink:href="${url}"/><script>fetch("${url}")</script>`,
      `<filter id="f"><feImage xlink:href="${url}"/></filter>`,
      `<text style="font-family: x; src: url('${url}')">x</text>`,
      '<rect x="50" y="50" width="50" height="50"/>',
    ].join(''),
  );
}
