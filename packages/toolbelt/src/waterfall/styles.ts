/**
 * The page's look. The colours of the phases are told apart by people who do not see red and green apart, and keep a contrast of 3:1 to the page in both
 * schemes (WCAG 2.2, 1.4.11); text keeps 4.5:1.
 */
export const STYLES: string = `
:root{color-scheme:light dark;--page:#fbfbfa;--card:#fff;--ink:#1c2024;--soft:#5b6470;--rule:#e3e5e8;--hover:#f2f4f6;--link:#0b5cad;
--ok:#1a6b3c;--move:#0b5cad;--bad:#a13a00;--err:#b3142b;
--blocked:#7d838d;--dns:#0f7f8f;--connect:#c06a00;--ssl:#8b4fc4;--send:#c2407a;--wait:#2f8f4e;--receive:#1b5fa8}
@media (prefers-color-scheme:dark){:root{--page:#121417;--card:#191c20;--ink:#e8eaed;--soft:#a2abb6;--rule:#2c3137;--hover:#20242a;--link:#7db8ff;
--ok:#6fd198;--move:#7db8ff;--bad:#ffb27a;--err:#ff8a93;
--blocked:#8d95a0;--dns:#3fb9c9;--connect:#f0a040;--ssl:#b98aec;--send:#f283b2;--wait:#5cc27e;--receive:#4d9bea}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif}
main{max-width:1440px;margin:0 auto;padding:28px 24px 64px}
h1{margin:0 0 14px;font-size:22px;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
.top{margin-bottom:18px}
.facts{display:flex;flex-wrap:wrap;gap:8px 32px;margin:0 0 16px}
.facts dt{color:var(--soft);font-size:12px}.facts dd{margin:0;font-size:18px;font-variant-numeric:tabular-nums}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;margin:0;padding:0;list-style:none;color:var(--soft);font-size:13px}
.swatch{display:inline-block;width:11px;height:11px;margin-right:7px;border-radius:3px;vertical-align:-1px;forced-color-adjust:none}
.head,summary{display:grid;grid-template-columns:minmax(260px,2.1fr) 74px 84px 78px minmax(280px,3fr);column-gap:14px;align-items:center}
.head{position:sticky;top:0;z-index:2;padding:8px 14px;background:var(--page);border-bottom:1px solid var(--rule);color:var(--soft);font-size:12px}
.head span:nth-child(3),.head span:nth-child(4){text-align:right}
.axis{position:relative;height:18px;margin-right:34px}
.tick{position:absolute;transform:translateX(-50%);white-space:nowrap;font-variant-numeric:tabular-nums}
.tick:first-child{transform:none}
.rows{margin:0;padding:0;list-style:none;background:var(--card);border:1px solid var(--rule);border-top:0;border-radius:0 0 10px 10px}
.row+.row{border-top:1px solid var(--rule)}
summary{position:relative;padding:7px 14px;cursor:pointer;list-style:none}
summary::-webkit-details-marker{display:none}
summary:hover{background:var(--hover)}
summary:focus-visible{outline:2px solid var(--link);outline-offset:-2px}
.request{min-width:0;display:flex;align-items:baseline;gap:7px}
.request::before{content:"";flex:none;width:0;height:0;border:4px solid transparent;border-left:5px solid var(--soft);border-right:0}
details[open] .request::before{transform:rotate(90deg)}
.method{flex:none;font-weight:650;font-size:12px;letter-spacing:.02em}
.url{min-width:0;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.origin{color:var(--soft)}
.label{flex:none;padding:0 7px;border:1px solid var(--rule);border-radius:9px;color:var(--soft);font-size:11px;line-height:17px;white-space:nowrap}
.status{font-weight:600;font-variant-numeric:tabular-nums}
.s1,.s2{color:var(--ok)}.s3{color:var(--move)}.s4{color:var(--bad)}.s0,.s5{color:var(--err)}
.size,.time{text-align:right;color:var(--soft);font-variant-numeric:tabular-nums;white-space:nowrap}
.lane{position:relative;display:block;height:18px;margin-right:34px}
.line{position:absolute;top:-7px;bottom:-7px;width:1px;background:var(--rule)}
.bar{position:absolute;top:3px;height:12px;min-width:3px;display:flex;border-radius:3px;overflow:hidden;forced-color-adjust:none}
.phase{flex:1 1 0;min-width:0}
.blocked{background:var(--blocked)}.dns{background:var(--dns)}.connect{background:var(--connect)}.ssl{background:var(--ssl)}
.send{background:var(--send)}.wait{background:var(--wait)}.receive{background:var(--receive)}
.details{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:6px 32px;padding:6px 26px 20px;border-top:1px dashed var(--rule)}
.details section{min-width:0}.whole,.error,.details>p{grid-column:1/-1;margin:8px 0 0;overflow-wrap:anywhere}
.error{color:var(--err);font-weight:600}
h2{margin:14px 0 6px;font-size:12px;font-weight:650;color:var(--soft)}
table{border-collapse:collapse}th{padding:1px 26px 1px 0;font-weight:400;text-align:left}td{text-align:right;font-variant-numeric:tabular-nums}
.sum th,.sum td{padding-top:3px;border-top:1px solid var(--rule);font-weight:600}
.headers{margin:0}.headers div{display:flex;gap:10px}.headers dt{flex:none;color:var(--soft)}.headers dt::after{content:":"}.headers dd{margin:0;min-width:0;overflow-wrap:anywhere}
pre{max-height:320px;margin:0;padding:10px 12px;overflow:auto;background:var(--page);border:1px solid var(--rule);border-radius:6px;font:12px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
.empty{padding:32px;text-align:center;color:var(--soft);background:var(--card);border:1px solid var(--rule);border-radius:10px}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (max-width:900px){main{padding:18px 12px 40px}.head{display:none}.rows{border-top:1px solid var(--rule);border-radius:10px}
summary{grid-template-columns:1fr auto auto auto;row-gap:6px}.lane{grid-column:1/-1;margin-right:0}}
@media (max-width:560px){summary{grid-template-columns:auto auto 1fr}.request{grid-column:1/-1}.time{text-align:left}}
@media print{.head{position:static}.row{break-inside:avoid}}
`
