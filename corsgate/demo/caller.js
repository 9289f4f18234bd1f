"use strict";

// A page on the origin of a caller. It does what the laboratory, and nobody else, tells it to, and
// tells what a page gets to see of it.

const LABORATORY = document.documentElement.dataset.laboratory;
const MOST_SHOWN = 2000;

async function callAPI(told) {
  const { url, method, headers, body, credentials } = told;
  try {
    const response = await fetch(url, {
      method, headers, credentials, body: body ?? undefined, cache: "no-store",
    });
    return {
      seen: "answer",
      type: response.type,
      status: response.status,
      headers: [...response.headers],
      body: (await response.text()).slice(0, MOST_SHOWN),
    };
  } catch (error) {
    return { seen: "error", error: String(error) };
  }
}

// What the browser does with the answer to a form is to show it: here in a frame, unread.
function sendForm({ id, url, body }) {
  const frame = document.createElement("iframe");
  frame.name = `answer-${id}`;
  const form = document.createElement("form");
  Object.assign(form, { action: url, method: "post", target: frame.name });
  for (const [name, value] of new URLSearchParams(body ?? "")) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name, value });
    form.append(field);
  }
  document.body.append(frame, form);
  return new Promise((resolve) => {
    frame.addEventListener("load", () => {
      // The first one may be that of the empty frame.
      let empty = false;
      try { empty = frame.contentDocument !== null; } catch { /* a document of the API */ }
      if (empty) return;
      frame.remove();
      form.remove();
      resolve({ seen: "form" });
    });
    form.submit();
  });
}

window.addEventListener("message", async ({ data, origin, source }) => {
  if (origin !== LABORATORY || source !== window.parent) return;
  const result = data.sender === "form" ? await sendForm(data) : await callAPI(data);
  window.parent.postMessage({ id: data.id, ...result }, LABORATORY);
});
window.parent.postMessage({ ready: true }, LABORATORY);
