// How a run is shown. Texts are only ever set as texts: nothing of an answer is read as HTML.

export const byId = (id) => document.getElementById(id);

export function element(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

const code = (text) => element("code", "", text);

const WORDS = {
  sent: "sent", passed: "the browser lets it through", blocked: "the browser stops here",
  refused: "refused", unsent: "never sent",
};

function line({ name, value, state }) {
  const node = element("div", `line ${state}`, element("span", "name", `${name}: `));
  node.append(element("span", "value", state === "missing" ? "missing" : value));
  return node;
}

function step({ kind, title, state, lines }) {
  const out = kind !== "answer";
  const node = element("li", `${out ? "out" : "in"} ${state}`);
  const head = element("div", "head", code(title));
  if (kind === "preflight") head.append(" ", element("span", "tag", "preflight"));
  if (state !== "sent" && state !== "passed") head.append(" ", element("span", "tag", WORDS[state]));
  const arrow = element("div", "arrow");
  arrow.setAttribute("aria-hidden", "true");
  if (state === "blocked" || state === "unsent") arrow.append(element("span", "cross", "✕"));
  node.append(head, arrow);
  if (lines.length) node.append(element("div", "lines", ...lines.map(line)));
  return node;
}

function drawAdvice({ advice, change, notes }, apply) {
  const box = byId("advice");
  box.replaceChildren();
  if (!advice.fix) box.append(...notes.map((text) => element("p", "note", text)));
  else {
    if (advice.why) box.append(element("p", "", advice.why));
    const facts = element("dl", "");
    const fact = (name, text) => facts.append(element("dt", "", name), element("dd", "", text));
    if (advice.setting) fact("Setting", code(advice.setting));
    if (advice.nearest) fact("Nearest", code(advice.nearest));
    fact(advice.label, advice.prose ? advice.fix : code(advice.fix));
    box.append(facts, ...notes.map((text) => element("p", "note", text)));
  }
  if (change) {
    const button = element("button", "", `${change.text} and send again`);
    button.type = "button";
    button.id = "apply";
    button.addEventListener("click", () => apply(change));
    box.append(button);
  }
}

// What somebody would write for it; what is as by default is left out.
function callOf({ sender, url, method, headers, body, credentials }) {
  const address = url.replace(/\?.*/, "");
  if (sender === "form") return `<form method="post" action="${address}">`;
  const options = {};
  if (method !== "GET") options.method = method;
  if (headers.length) options.headers = Object.fromEntries(headers);
  if (body !== null) options.body = body;
  if (credentials !== "same-origin") options.credentials = credentials;
  const lines = Object.entries(options).map(([name, value]) => `  ${name}: ${JSON.stringify(value)},\n`);
  return `fetch("${address}"${lines.length ? `, {\n${lines.join("")}}` : ""})`;
}

function drawSeen(seen) {
  const box = byId("seen");
  if (seen.seen === "error") {
    box.replaceChildren(element("p", "", code(seen.error)),
      element("p", "soft", "No status, no headers, no reason: a page is never told more."));
  } else if (seen.seen === "form") {
    box.replaceChildren(element("p", "soft", "Nothing: the browser shows the answer to the user, not to the page."));
  } else {
    box.replaceChildren(element("p", "", code(`${seen.status}`), " of type ", code(seen.type)),
      element("pre", "", `${seen.headers.map((pair) => pair.join(": ")).join("\n")}\n\n${seen.body}`));
  }
}

function drawConsoles(consoles) {
  const rows = Object.entries(consoles);
  const list = element("dl", "consoles");
  for (const [name, text] of rows) list.append(element("dt", "", name), element("dd", "", text));
  byId("consoles").replaceChildren(...rows.length ? [element("h2", "", "What the console says"), list] : []);
}

const MARKS = new Map([[true, "✓"], [false, "✕"], [null, "–"]]);
const SAID = new Map([[true, "passed"], [false, "failed"], [null, "not reached"]]);

function drawServer({ title, steps }) {
  byId("decided").textContent = title;
  byId("steps").replaceChildren(...steps.map(({ name, passed, text }) => {
    const mark = element("span", "mark", MARKS.get(passed));
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", SAID.get(passed));
    return element("li", SAID.get(passed).replace(" ", "-"), mark, element("b", "", name), element("span", "", text));
  }));
}

// run: what the page was told to do. verdict: what the server says of it. seen: what the page saw.
export function draw(run, verdict, seen, apply) {
  document.querySelector("main").dataset.verdict = verdict.allowed ? "allowed" : "blocked";
  byId("title").textContent = verdict.title;
  byId("text").textContent = verdict.text;
  byId("sequence").replaceChildren(...verdict.sequence.map(step));
  byId("preflight").textContent = verdict.preflight;
  drawAdvice(verdict, apply);
  byId("call").textContent = callOf(run);
  drawSeen(seen);
  drawConsoles(verdict.consoles);
  drawServer(verdict.server);
}
