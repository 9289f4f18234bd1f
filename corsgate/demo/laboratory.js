// The laboratory: its form, the pages that call, and one run after the other.

import { byId, draw, element } from "./drawing.js";

const form = byId("form");
const main = document.querySelector("main");
const policyFields = [...form.querySelectorAll("[data-list], [data-flag], [data-number], [data-text]")];
const requestFields = [...form.querySelectorAll("[data-request]")];
// What a field means is told at its name too.
for (const field of policyFields) field.labels[0].title = field.title;
// Milliseconds until a page counts as not found: in all, and after the browser has loaded something,
// which may be its own page that says so.
const PATIENCE = 15000;
const GRACE = 1000;
let setup;
let framework = "Flask";
let code = {};

// ---- the form

function policyOf(field) {
  const text = field.value.trim();
  if ("flag" in field.dataset) return field.checked;
  if ("text" in field.dataset) return field.value;
  if ("list" in field.dataset) return text === "" && field.dataset.list === "null" ? null : text;
  if (text === "") return null;
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
}

const readPolicy = () => Object.fromEntries(policyFields.map((field) => [field.id, policyOf(field)]));
const readRequest = () => Object.fromEntries(requestFields.map((field) => [field.id, field.value]));

function showPolicy(policy) {
  for (const field of policyFields) {
    if (!(field.id in policy)) continue;
    const value = policy[field.id];
    if ("flag" in field.dataset) field.checked = value;
    else if (Array.isArray(value)) field.value = value.join(field.localName === "textarea" ? "\n" : ", ");
    else field.value = value ?? "";
  }
}

function showRequest(request) {
  for (const field of requestFields) if (field.id in request) field.value = request[field.id];
}

// What is told of a part of the form takes the place of what was told of that part.
function showProblems(problems, part = form) {
  for (const old of part.querySelectorAll(".problem")) {
    if (old.id === "problem-policy") old.hidden = true;
    else old.remove();
  }
  for (const field of part.elements) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
  const others = [];
  for (const { field: name, message } of problems) {
    const field = form.elements[name];
    if (!field) { others.push(message); continue; }
    field.setAttribute("aria-invalid", "true");
    let said = byId(`problem-${name}`);
    if (!said) {
      said = element("p", "problem");
      said.id = `problem-${name}`;
      field.closest(".field").append(said);
      field.setAttribute("aria-describedby", said.id);
      const more = field.closest("details");
      if (more) more.open = true;
    }
    said.append(element("span", "", message));
  }
  byId("problem-policy").hidden = others.length === 0;
  byId("problem-policy").replaceChildren(...others.map((text) => element("span", "", text)));
}

function showCode() {
  byId("lines").textContent = code[framework] ?? "";
  for (const button of byId("frameworks").children) {
    button.setAttribute("aria-pressed", String(button.textContent === framework));
  }
}

// ---- asking the server

async function post(path, content) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
  });
  if (!answer.ok && answer.status !== 422) throw new Error(await answer.text());
  return answer.json();
}

const policyPart = form.querySelector("[data-part=policy]");
let latest = 0;
let timer;

async function policyChanged() {
  const mine = ++latest;
  let said;
  try {
    said = await post("/policy", readPolicy());
  } catch {
    return; // the next run says that nobody answers
  }
  if (mine !== latest) return;
  showProblems(said.problems ?? [], policyPart);
  if (said.code) { code = said.code; showCode(); }
}

// ---- the pages that call

const frames = new Map();
const waiting = new Map();

function load(page, origin) {
  const frame = document.createElement("iframe");
  frame.title = `A page on ${origin}`;
  if (origin === "null") frame.setAttribute("sandbox", "allow-scripts allow-forms");
  frame.src = `${page}/caller`;
  return new Promise((resolve) => {
    let found = false;
    const listen = (event) => {
      if (event.source !== frame.contentWindow || event.origin !== origin || !event.data.ready) return;
      window.removeEventListener("message", listen);
      found = true;
      resolve({ frame, origin });
    };
    const giveUp = () => {
      if (found) return;
      window.removeEventListener("message", listen);
      frame.remove();
      resolve(null);
    };
    window.addEventListener("message", listen);
    frame.addEventListener("load", () => setTimeout(giveUp, GRACE));
    setTimeout(giveUp, PATIENCE);
    byId("frames").append(frame);
  });
}

async function callerOf(key) {
  const { page, origin, instead } = setup.callers[key];
  if (!frames.has(key)) {
    const found = await load(page, origin) ?? (instead ? await load(instead, instead) : null);
    if (!found) throw new Error(`The page on ${origin} does not load in this browser. Choose another.`);
    frames.set(key, found);
  }
  return frames.get(key);
}

window.addEventListener("message", ({ data, origin, source }) => {
  const wait = waiting.get(data?.id);
  if (wait && source === wait.caller.frame.contentWindow && origin === wait.caller.origin) wait.resolve(data);
});

function send(run, caller) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, 15000, new Error("The page that calls has not said anything for 15 seconds."));
    waiting.set(run.id, { caller, resolve: (data) => { clearTimeout(timer); waiting.delete(run.id); resolve(data); } });
    // No origin is named "null"; this window is known to be that of the sandbox.
    caller.frame.contentWindow.postMessage(run, caller.origin === "null" ? "*" : caller.origin);
  });
}

// ---- a run

let running = null;
let again = false;

// One run after the other: who asks meanwhile waits for a last one, of what the form says then.
function run() {
  again = true;
  running ??= runAll();
  return running;
}

async function runAll() {
  main.dataset.state = "running";
  while (again) {
    again = false;
    await runOnce();
  }
  running = null;
  main.dataset.state = "done";
}

async function runOnce() {
  clearTimeout(timer);
  latest += 1;
  const request = readRequest();
  const policy = readPolicy();
  const layer = byId("layer").value;
  try {
    const caller = await callerOf(request.caller);
    request.instead = caller.origin === setup.callers[request.caller].instead;
    const started = await post("/runs", { request, policy, layer });
    showProblems(started.problems ?? []);
    if (started.problems) {
      fail("Nothing was sent", "Fix what is marked in red, and send again.");
      form.querySelector("[aria-invalid]")?.focus();
      return;
    }
    code = started.code;
    showCode();
    byId("page-origin").textContent = started.origin;
    const seen = await send(started, caller);
    const verdict = await post(`/runs/${started.id}`, { seen: seen.seen });
    if (!again) draw(started, verdict, seen, apply);
  } catch (error) {
    const gone = error instanceof TypeError;
    fail("No verdict", gone ? "Nobody answers: is corsgate demo still running?" : error.message);
  }
}

function fail(title, text) {
  main.dataset.verdict = "none";
  byId("advice").replaceChildren();
  byId("title").textContent = title;
  byId("text").textContent = text;
}

// What the user has changed is no longer the situation that was chosen.
function leaveSituation() {
  byId("about").hidden = true;
  for (const button of byId("situations").querySelectorAll("button")) button.setAttribute("aria-pressed", "false");
}

async function runByHand() {
  await run();
  const { top, bottom } = byId("live").getBoundingClientRect();
  if (top < 0 || bottom > window.innerHeight) byId("verdict").scrollIntoView();
}

async function apply({ policy, request, layer }) {
  leaveSituation();
  if (policy) showPolicy(policy);
  if (request) showRequest(request);
  if (layer) byId("layer").value = layer;
  await runByHand();
  byId("title").focus();
}

// ---- situations

const slug = (name) => name.toLowerCase().replace(/[^a-z0-9]+/g, "-");

function choose(situation) {
  for (const button of byId("situations").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.textContent === situation.name));
  }
  byId("about").textContent = situation.about;
  byId("about").hidden = false;
  history.replaceState(null, "", `#${slug(situation.name)}`);
  showPolicy({ ...setup.defaults, ...situation.policy });
  showRequest(situation.request);
  byId("layer").value = situation.layer;
}

async function start() {
  setup = await (await fetch("/setup.json")).json();
  byId("api-origin").textContent = setup.api;
  for (const [key, { name, origin }] of Object.entries(setup.callers)) {
    byId("caller").append(new Option(`${name}: ${origin}`, key));
  }
  for (const [key, name] of Object.entries(setup.layers)) byId("layer").append(new Option(name, key));
  for (const situation of setup.situations) {
    const button = element("button", "", situation.name);
    button.type = "button";
    button.title = situation.about;
    button.addEventListener("click", () => { choose(situation); runByHand(); });
    byId("situations").append(element("li", "", button));
  }
  for (const name of ["Flask", "Django", "WSGI"]) {
    const button = element("button", "", name);
    button.type = "button";
    button.addEventListener("click", () => { framework = name; showCode(); });
    byId("frameworks").append(button);
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); runByHand(); });
  form.addEventListener("input", leaveSituation);
  form.addEventListener("keydown", (event) => {
    const sends = event.target.matches("textarea, select");
    if (event.key === "Enter" && sends && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      runByHand();
    }
  });
  policyPart.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(policyChanged, 250);
  });
  byId("copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(byId("lines").textContent);
      byId("copy").textContent = "Copied";
    } catch { // the browser does not let pages copy
      getSelection().selectAllChildren(byId("lines"));
      byId("copy").textContent = "Press Ctrl-C";
    }
    setTimeout(() => { byId("copy").textContent = "Copy"; }, 1500);
  });
  const asked = setup.situations.find(({ name }) => `#${slug(name)}` === location.hash);
  choose(asked ?? setup.situations[0]);
  await run();
}

start().catch(() => fail("No laboratory", "Nobody answers: is corsgate demo still running?"));
