// The style sheet of the console: one for wide and narrow windows, light and dark.

export const CONSOLE_STYLE = `
:root{color-scheme:light dark;--ink:#1c2430;--soft:#566376;--line:#dde3ea;--paper:#fff;--ground:#f4f6f9;--accent:#1a5fcc;--good:#187a3c;--bad:#b3261e;--fill:#1a5fcc22;--table:#c9d1db}
@media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#9aa8bc;--line:#2b3546;--paper:#18202c;--ground:#10161f;--accent:#7db1ff;--good:#5ec98a;--bad:#ff8f85;--fill:#7db1ff2e;--table:#8f9aa9}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:1rem}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
header,main{max-width:82rem;margin:0 auto;padding:0 1.25rem}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:.25rem 1.25rem;padding-top:1.5rem}
h1{font-size:1.5rem;margin:0}
h2{font-size:1.05rem;margin:0}
h3{font-size:.9rem;margin:1rem 0 .4rem}
p{margin:0}
#about,.note{color:var(--soft);font-size:.85rem}
#about{min-height:1.3em;flex:1 1 20rem}
#state{display:flex;align-items:center;gap:.4rem;min-width:8rem}
.lamp{width:.65rem;height:.65rem;border-radius:50%;background:var(--soft)}
.is-live .lamp{background:var(--good)}
.is-lost .lamp{background:var(--bad)}
nav{flex-basis:100%;display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.5rem 0 1rem}
a{color:var(--accent)}
.facts{display:grid;grid-template-columns:repeat(8,1fr);gap:.75rem;margin:0 0 1rem}
.facts div,section{background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:.8rem 1rem}
.facts dt{color:var(--soft);font-size:.85rem}
.facts dd{margin:0;font-size:1.25rem;font-variant-numeric:tabular-nums;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.facts .note{font-size:.8rem}
section{margin-bottom:1rem;outline-offset:2px}
.head{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.5rem;margin-bottom:.6rem}
.pick{border:0;margin:0;padding:0;display:flex;gap:.9rem;align-items:center;font-size:.9rem}
.pick legend{float:left;padding:0;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(4,1fr);gap:1rem}
figure{margin:0;min-width:0}
figcaption{display:grid;grid-template-columns:1fr 6.5em;gap:.5rem;font-size:.85rem;color:var(--soft)}
figcaption b,.axis span+span{text-align:right}
figcaption b{color:var(--ink);font-variant-numeric:tabular-nums;white-space:nowrap}
svg{display:block;width:100%;height:80px;border-bottom:1px solid var(--line);overflow:visible}
svg .area{fill:var(--fill)}
svg .line{fill:none;stroke:var(--accent);stroke-width:1.5;vector-effect:non-scaling-stroke}
.axis{display:grid;grid-template-columns:1fr 1fr;color:var(--soft);font-size:.75rem}
.body{overflow-x:auto;min-height:2.5rem}
#body-pictures{min-height:30rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.3rem .9rem .3rem 0;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0;color:var(--soft);font-weight:500;font-size:.8rem;white-space:nowrap}
td{overflow-wrap:anywhere}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.bad{color:var(--bad)}
time,.acts{white-space:nowrap}
code{font:.85em ui-monospace,monospace;overflow-wrap:anywhere}
form{display:flex;flex-wrap:wrap;gap:.75rem;align-items:end}
label{font-size:.85rem;color:var(--soft)}
form label{display:grid;gap:.2rem;flex:1 1 14rem}
form .tick{display:flex;flex:none;gap:.4rem;align-items:center;padding:.5rem 0}
input:not([type=radio],[type=checkbox]),button{font:inherit;color:var(--ink);background:var(--ground);border:1px solid var(--soft);border-radius:.4rem;padding:.35rem .6rem;min-width:0}
button{cursor:pointer;white-space:nowrap}
button:hover{border-color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
meter{width:6rem;height:.8rem;vertical-align:middle}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.5rem,1fr));gap:.6rem;list-style:none;margin:0;padding:0}
.sheet button{width:100%;padding:.3rem;display:grid;gap:.25rem;text-align:left;background:none;border-color:var(--line);white-space:normal}
.sheet img{width:100%;height:84px;object-fit:contain;background:var(--table)}
.sheet span{font-size:.8rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.story{display:grid;grid-template-columns:minmax(8rem,200px) 1fr;gap:1.25rem;margin-top:1rem}
.story>img{width:100%;height:auto;background:var(--table)}
.story dl{display:grid;grid-template-columns:auto 1fr;gap:.2rem 1rem;margin:0}
.story dt{color:var(--soft)}
.story dd{margin:0;overflow-wrap:anywhere}
.wide{overflow-x:auto}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media(max-width:70rem){.facts{grid-template-columns:repeat(4,1fr)}.charts{grid-template-columns:repeat(2,1fr)}}
@media(max-width:36rem){header,main{padding-left:.75rem;padding-right:.75rem}.facts{grid-template-columns:repeat(2,1fr)}.charts{grid-template-columns:1fr}.story{grid-template-columns:1fr}.story>img{max-width:200px}
.stack thead{display:none}.stack tr{display:block;border-top:1px solid var(--line);padding:.4rem 0}.stack td,.stack th[scope=row]{display:flex;justify-content:space-between;gap:1rem;border:0;padding:.1rem 0;text-align:right}.stack td::before,.stack th[scope=row]::before{content:attr(data-label);color:var(--soft);text-align:left;font-weight:400;white-space:nowrap}}
`;
