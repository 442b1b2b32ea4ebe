// The style sheet of the reading page: light and dark, from 390 px up.

export const READING_STYLE = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#566274;--line:#dde3ea;--paper:#fff;--ground:#f4f6f9;--accent:#1a5fcc}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#9aa8bc;--line:#2b3546;--paper:#18202c;--ground:#10161f;--accent:#7db0ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:78rem;padding:2rem 1.25rem 4rem;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif;display:grid;grid-template:"head head" "nav main"/15rem minmax(0,1fr);gap:0 2rem}
header{grid-area:head}
main{grid-area:main;min-width:0}
nav{grid-area:nav;position:sticky;top:0;align-self:start;max-height:100vh;overflow-y:auto;font-size:.9rem;overflow-wrap:anywhere}
nav ul{list-style:none;margin:0;padding:0}
nav a{display:block;padding:.2rem 0}
h1{font-size:1.6rem;margin:0}
h2{font-size:1.05rem;margin:1.2rem 0 .4rem}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}
section{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1.1rem;margin:0 0 1rem;scroll-margin-top:1rem}
.target{overflow-wrap:anywhere;margin:.3rem 0}
.target b{color:var(--accent);font-size:.85rem}
.soft{color:var(--soft);font-size:.9rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.85rem}
td:not(:last-child){white-space:nowrap}
td:last-child{overflow-wrap:anywhere;width:100%}
code{font:.88em/1.4 ui-monospace,monospace}
pre{overflow:auto;max-height:24rem;margin:.5rem 0 0;font:.82rem/1.45 ui-monospace,monospace}
a{color:var(--accent)}
dd{margin:0 0 .6rem}
@media(max-width:52rem){body{display:block;padding:1.25rem .75rem 3rem}nav{position:static;max-height:none}nav ul{columns:2}}
`;
