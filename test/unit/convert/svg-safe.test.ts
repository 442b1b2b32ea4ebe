// What the renderer gets of an SVG: a document of its own parts alone, that cannot be made to grow, and looks as it did.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { svgForDecoder, svgPictureBytes } from '../../../src/convert/sources/svg.js';
import { embeddedPicturePixels } from '../../../src/convert/sources/svg-pictures.js';
import { safeSvg } from '../../../src/convert/sources/svg-safe.js';
import { pngOf } from '../../support/hostile/png.js';
import { entityBomb, referring, svg, useBomb } from '../../support/hostile/svg.js';
import { ENCODED, photo } from '../../support/images.js';

const AWAY = 'http://away.example/x';
/** Everything by which a document could name `url`. */
const REFERENCES: readonly ((url: string) => string)[] = [
  (url) => `<image href="${url}"/>`,
  (url) => `<image xlink:href="${url}"/>`,
  (url) => `<image xlink:href='${url}'/>`,
  (url) => `<image xlink:href="&#x20;${url}"/>`,
  (url) => `<use href="${url}#a"/>`,
  (url) => `<use xlink:href="${url}#a"/>`,
  (url) => `<a xlink:href="${url}"><rect/></a>`,
  (url) => `<feImage href="${url}"/>`,
  (url) => `<linearGradient xlink:href="${url}#g"/>`,
  (url) => `<textPath href="${url}#p"/>`,
  (url) => `<tref xlink:href="${url}#p"/>`,
  (url) => `<rect fill="url(${url}#g)"/>`,
  (url) => `<rect fill="url( '${url}#g' ) red"/>`,
  (url) => `<rect filter="URL(&quot;${url}#g&quot;)"/>`,
  (url) => `<rect style="fill:url(${url}#g)"/>`,
  (url) => `<rect style="fill:u\\72l(${url}#g)"/>`,
  (url) => `<rect style="fill:url/**/(${url}#g"/>`,
  (url) => `<rect style="cursor:image-set('${url}' 1x)"/>`,
  (url) => `<style>@import url(${url});</style>`,
  (url) => `<style>@import "${url}";</style>`,
  (url) => `<style>@\\69mport "${url}";</style>`,
  (url) => `<style>/* */@/**/import '${url}' screen;</style>`,
  (url) => `<style><![CDATA[@import "${url}";]]></style>`,
  (url) => `<style>@im<![CDATA[port "${url}";]]></style>`,
  (url) => `<style>@font-face { font-family: x; src: url("${url}") }</style>`,
  (url) => `<svg:style>@import "${url}";</svg:style>`,
  (url) => `<script href="${url}">fetch("${url}")</script>`,
  (url) => `<foreignObject><iframe src="${url}"/><img src="${url}"/></foreignObject>`,
  (url) => `<svg:foreignObject><p>${url}</p></svg:foreignObject>`,
  (url) => `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="${url}"/>`,
  (url) => `<?xml-stylesheet href="${url}"?>`,
  (url) => `<!-- ${url} -->`,
  (url) => `<g xml:base="${url}"><use href="#a"/></g>`,
  (url) => `<rect onload="fetch('${url}')"/>`,
  (url) => `<video src="${url}"/>`,
  (url) => `<image href="data:image/svg+xml,&lt;svg>${url}&lt;/svg>"/>`,
  (url) => `<image href="data:text/xml;base64,${Buffer.from(url).toString('base64')}"/>`,
];

describe('references', () => {
  test.each(REFERENCES.map((make) => [make(AWAY)]))('%s is left out', (body) => {
    const safe = safeSvg(svg(`${body}<rect id="kept"/>`).toString());
    expect(safe).not.toContain('away.example');
    expect(safe).not.toContain('PHN2Zz');
    expect(safe).toMatch(/<rect id="kept"><\/rect><\/svg>$/);
  });

  test.each(['file:///etc/passwd', '/etc/passwd', '../a.svg', '//away.example', 'ftp://a/b', 'data:text/css,a'])(
    'to %s are left out',
    (url) => {
      for (const make of REFERENCES) expect(safeSvg(svg(make(url)).toString())).not.toContain(url);
    },
  );

  test('by an entity are resolved before they are judged, and entities of files and servers are none', () => {
    const declared = `<!DOCTYPE svg [<!ENTITY u "${AWAY}"><!ENTITY all '<image href="${AWAY}"/><circle id="kept"/>'>]>`;
    const safe = safeSvg(`${declared}<svg><image href="&u;"/>&all;<style>@import "&u;";</style></svg>`);
    expect(safe).toBe('<svg><image></image><image></image><circle id="kept"></circle><style> </style></svg>');
    for (const kind of [`SYSTEM "${AWAY}"`, `PUBLIC "x" "${AWAY}"`])
      expect(safeSvg(`<!DOCTYPE svg [<!ENTITY x ${kind}>]><svg><text>&x;</text></svg>`)).toBe('<svg><text><');
    expect(safeSvg(`<!DOCTYPE svg SYSTEM "${AWAY}" [<!ENTITY % p SYSTEM "${AWAY}">%p;]><svg/>`)).toBe('<svg></svg>');
  });

  test('to parts of the document stay, in values, styles and style sheets', () => {
    const body =
      '<use xlink:href="#a"></use><rect fill="url(#g)" style="filter: url(\'#f\'); mask:url( #m )"></rect><style>.a{fill:url(#g)}</style>';
    expect(safeSvg(svg(body).toString())).toContain(body);
  });

  test('to pictures that lie in it stay when they are what they say, and count for the memory', async () => {
    const png = pngOf({ widthPx: 70, heightPx: 30, bits: 8 });
    const jpeg = await ENCODED.jpeg(await photo(50, 40));
    const reference = (type: string, bytes: Buffer) => `data:image/${type};base64,${bytes.toString('base64')}`;
    const of = (...all: readonly string[]) => svgForDecoder(svg(all.map((one) => `<image href="${one}"/>`).join('')));
    expect(svgPictureBytes(of(reference('png', png), reference('jpeg', jpeg)))).toBe(13 * (70 * 30 + 50 * 40));
    expect(of(reference('png', png)).toString()).toContain(reference('png', png));
    // Characters that are no digits: passed over by one decoder, read as digits by another.
    for (const between of ['&#9;', '&#10;', ' ', '-', '_', '=', '%', '\u00a0']) {
      const text = reference('png', png);
      const cut = text.indexOf(',') + 26;
      const odd = of(text.slice(0, cut) + between + text.slice(cut));
      expect([between, svgPictureBytes(odd)]).toEqual([between, 13 * 70 * 30]);
      expect(odd.toString()).toContain(text);
    }
    for (const other of [
      reference('png', jpeg),
      reference('jpeg', png),
      reference('svg+xml', svg('')),
      reference('png', png.subarray(0, 20)),
      'data:image/png;base64,',
    ])
      expect(of(other).toString()).toMatch(/<image><\/image>/);
    expect(embeddedPicturePixels(reference('png', pngOf({ widthPx: 16_000, heightPx: 16_000, bits: 1 })))).toBe(256e6);
  });

  test('whatever is put together of them, none is left that leads away', () => {
    const body = fc.array(
      fc.tuple(fc.constantFrom(...REFERENCES), fc.constantFrom('', '<g>', '</g>', ' ', ']]>', '"')),
    );
    fc.assert(
      fc.property(body, (pieces) => {
        const text = pieces.map(([make, between]) => make(AWAY) + between).join('');
        expect(safeSvg(svg(text).toString())).not.toMatch(/away\.example|@import|<!|<\?|script|foreignObject/);
      }),
    );
  });
});

describe('what a document says of itself', () => {
  test.each([
    ['<svg a="1&#10;2 3\n4&amp;&lt;&quot;"/>', '<svg a="1&#10;2 3 4&amp;&lt;&quot;"></svg>'],
    ['<svg><text>a &lt; b &#65;&#x42;\n</text></svg>', '<svg><text>a &lt; b AB\n</text></svg>'],
    ['<svg><text><![CDATA[<b> & c]]></text></svg>', '<svg><text>&lt;b&gt; &amp; c</text></svg>'],
    [
      '<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg"><!ENTITY a "&b;!"><!ENTITY b "B">]><svg xmlns="&ns;"><text>&a;</text></svg>',
      '<svg xmlns="http://www.w3.org/2000/svg"><text>B!</text></svg>',
    ],
    [
      '<a:svg xmlns:a="http://www.w3.org/2000/svg"><a:g/></a:svg>',
      '<a:svg xmlns:a="http://www.w3.org/2000/svg"><a:g></a:g></a:svg>',
    ],
    ['<svg>x</svg> <!-- end --> ', '<svg>x</svg>'],
  ])('%s', (document, safe) => {
    expect(safeSvg(document)).toBe(safe);
  });

  test.each(
    [
      '<svg>',
      '<svg><g></svg>',
      '<svg/><svg/>',
      '<svg/>x',
      '<svg a=1/>',
      '<svg a/>',
      '<svg a="1',
      '<svg>&unknown;</svg>',
      '<svg>&#0;</svg>',
      '<svg>&#x110000;</svg>',
      '<svg><![CDATA[</svg>',
      '<svg><!-- </svg>',
      '<svg>& b</svg>',
      '<svg>< b</svg>',
      `${'<svg>'.repeat(257)}${'</svg>'.repeat(257)}`,
      '<!DOCTYPE svg [<!ENTITY a "&a;">]><svg>&a;</svg>',
      entityBomb().toString(),
    ].map((document) => [document.slice(0, 60), document] as const),
  )('%s stays no document', (_, document) => {
    expect(safeSvg(document)).toMatch(/<$/);
  });

  test('empty entities inside each other end too', () => {
    const levels = Array.from({ length: 12 }, (_, n) => `<!ENTITY e${n} "${n === 0 ? '' : `&e${n - 1};`.repeat(10)}">`);
    const start = process.cpuUsage();
    expect(safeSvg(`<!DOCTYPE svg [${levels.join('')}]><svg a="&e11;"/>`)).toBe('<');
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
  });
});

describe('how much it draws', () => {
  const tooMuch = expect.objectContaining({ code: 'source-limits-exceeded' });
  const chain = (length: number): string =>
    Array.from({ length }, (_, n) => `<g id="c${n}"><use href="#c${n + 1}"/></g>`).join('');
  const patterns = (levels: number): string =>
    Array.from(
      { length: levels },
      (_, n) => `<pattern id="p${n}">${`<rect style="fill:url(#p${n + 1})"/>`.repeat(10)}</pattern>`,
    ).join('');

  test('elements that others use count each time, by whatever they refer to them', () => {
    expect(() => safeSvg(useBomb(5).toString())).not.toThrow();
    expect(() => safeSvg(useBomb(6).toString())).toThrow(tooMuch);
    expect(() => safeSvg(svg(patterns(4)).toString())).not.toThrow();
    expect(() => safeSvg(svg(patterns(12)).toString())).toThrow(tooMuch);
  });

  const styled = (levels: number, style: (id: string) => string, selector: (id: string) => string): string => {
    const rules = Array.from({ length: levels }, (_, n) => `${selector(`p${n}`)} { ${style(`p${n + 1}`)} }`);
    const parts = Array.from(
      { length: levels },
      (_, n) => `<pattern id="p${n}">${`<rect class="a p${n}" id="p${n}"/>`.repeat(10)}</pattern>`,
    );
    return `<style>${rules.join('\n')}</style>${parts.join('')}`;
  };

  test.each<[string, (id: string) => string]>([
    ['class', (id) => `.${id}`],
    ['an element of two classes', (id) => `svg > pattern rect.a.${id}`],
    ['a list, within media', (id) => `@media screen { circle, .${id}:not(.x) { x: y } } .${id}`],
    ['an attribute', (id) => `[class="a ${id}"].${id}`],
  ])('a style sheet counts by %s', (_name, selector) => {
    const fill = (id: string) => `stroke: red; fill: url('#${id}')`;
    expect(() => safeSvg(svg(styled(4, fill, selector)).toString())).not.toThrow();
    expect(() => safeSvg(svg(styled(12, fill, selector)).toString())).toThrow(tooMuch);
  });

  test('a rule is for those alone that it may name', () => {
    const many = '<rect class="few"/>'.repeat(1000);
    const heavy = `<pattern id="p">${'<g/>'.repeat(1000)}</pattern>`;
    for (const selector of ['.others', 'circle', '#one', '.few.others', 'rect > circle'])
      expect(() => safeSvg(svg(`<style>${selector}{fill:url(#p)}</style>${heavy}${many}`).toString())).not.toThrow();
    for (const selector of ['.few', 'rect', '*', 'svg .few', 'RECT', 'circle, rect:hover', ':first-child'])
      expect(() => safeSvg(svg(`<style>${selector}{fill:url(#p)}</style>${heavy}${many}`).toString())).toThrow(tooMuch);
  });

  test.each([
    ['an attribute', (marker: string, shapes: string) => `<g marker-mid="${marker}">${shapes}</g>`],
    ['a style', (marker: string, shapes: string) => `<g style="fill:red;marker:${marker}">${shapes}</g>`],
    ['a sheet', (marker: string, shapes: string) => `<style>path{marker-mid:${marker}}</style>${shapes}`],
  ])('a marker counts at every corner, by %s', (_name, make) => {
    const drawn = (corners: number): string =>
      svg(
        `<marker id="m">${'<g/>'.repeat(100)}</marker>${make('url(#m)', `<path d="M0 0${'L1 1'.repeat(corners)}"/>`)}`,
      ).toString();
    expect(() => safeSvg(drawn(1_000))).not.toThrow();
    expect(() => safeSvg(drawn(3_000))).toThrow(tooMuch);
  });

  test('circles are no growth, and chains have an end', () => {
    expect(() => safeSvg(svg('<g id="a"><use href="#a"/><use href="#a"/></g>').toString())).not.toThrow();
    expect(() => safeSvg(svg(chain(100)).toString())).not.toThrow();
    expect(() => safeSvg(svg(chain(20_000)).toString())).toThrow(tooMuch);
  });

  test('two hundred thousand elements are the most', () => {
    expect(() => safeSvg(svg('<g/>'.repeat(199_000)).toString())).not.toThrow();
    expect(() => safeSvg(svg('<g/>'.repeat(200_001)).toString())).toThrow(tooMuch);
  });
});

test('what refers to everything outside keeps what it draws itself', () => {
  const safe = safeSvg(referring(AWAY).toString());
  expect(safe).toContain('<rect x="50" y="50" width="50" height="50"></rect>');
  expect(safe).toContain('rect { fill: #00ff00 }');
});
