// What pages do beyond HTML. All of it is comfort: every page works without.
"use strict";

(() => {
  // The server shows times in the zone of the browser, which only the browser knows.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && document.documentElement.dataset.zone !== zone) {
    document.cookie = `timezone=${zone}; path=/; max-age=31536000; samesite=lax`;
  }

  // Buttons that need this script are hidden without it.
  const reveal = (root) => {
    root.querySelectorAll(".theme-toggle, [data-copy], [data-check-all], button[data-dialog]").forEach((button) => { button.hidden = false; });
    root.querySelectorAll("[data-check-all]").forEach(sumUp);
  };
  // A box that ticks all boxes of a table is half ticked where some of them are.
  const boxesOf = (all) => [...all.closest("table").querySelectorAll("tbody input[type=checkbox]")];
  function sumUp(all) {
    const boxes = boxesOf(all);
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked > 0 && ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  }
  reveal(document);
  document.addEventListener("htmx:load", (event) => reveal(event.detail.elt));

  function say(text) {
    const toasts = document.getElementById("toasts");
    const toast = document.createElement("div");
    toast.className = "toast";
    toast.textContent = text;
    toasts.replaceChildren(toast);
    setTimeout(() => toast.remove(), 8000);
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const text = button.dataset.copy || location.href;
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say(`It could not be copied. Here it is: ${text}`);
    }
  });

  // Dialogs: opened by what names them; the same link leads to a page where there is no script.
  function open(name) {
    const dialog = document.getElementById(name);
    if (!dialog || dialog.open) return false;
    dialog.showModal();
    return true;
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener && !event.ctrlKey && !event.metaKey && open(opener.dataset.dialog)) event.preventDefault();
    if (event.target.matches("dialog.palette")) event.target.close();
  });

  // Keys: / or Ctrl+K (⌘K) searches, also from within a field; ? shows the keys, g and a letter go to a place. Not while somebody types.
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "k" && event.ctrlKey !== event.metaKey && !event.altKey && !event.shiftKey) {
      if (!document.querySelector("dialog[open]") && open("palette")) event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, [contenteditable]") || document.querySelector("dialog[open]")) return;
    if (event.key === "/" && open("palette")) { event.preventDefault(); return; }
    if (event.key === "?" && open("shortcuts")) return;
    if (event.key === "g") { going = Date.now(); return; }
    if (Date.now() - going < 1500) {
      going = 0;
      const place = document.querySelector(`.sidebar .nav a[data-key="${CSS.escape(event.key)}"]`);
      if (place) place.click();
    }
  });

  // In the palette the arrow keys go from the box through the hits and back; Enter opens the only hit.
  const palette = document.getElementById("palette");
  palette?.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    // Browsers would only empty the box.
    if (event.key === "Escape") {
      event.preventDefault();
      palette.close();
      // Or the next key would still go to the box, until the page is drawn without it.
      document.activeElement?.blur();
      return;
    }
    const box = palette.querySelector("input[type=search]");
    const list = palette.querySelector(".hits");
    const hits = list ? [...list.querySelectorAll("a")] : [];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && hits.length) {
      event.preventDefault();
      // The box comes before the first and after the last.
      const places = [box, ...hits];
      const at = Math.max(places.indexOf(document.activeElement), 0);
      places[(at + step + places.length) % places.length].focus();
    }
    // Hits of what was typed before do not count.
    const current = list && list.dataset.query === box.value.trim();
    if (event.key === "Enter" && event.target === box && hits.length === 1 && current) {
      event.preventDefault();
      hits[0].click();
    }
  });

  // One box that ticks all boxes of a table.
  document.addEventListener("change", (event) => {
    const all = event.target.closest("table")?.querySelector("[data-check-all]");
    if (all === event.target) boxesOf(all).forEach((box) => { box.checked = all.checked; });
    else if (all) sumUp(all);
  });

  // Filters apply as they change; the button serves those without script.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-auto-submit]");
    if (form) form.requestSubmit();
  });

  // Addresses of filters are sent on, so what is empty stays out of them.
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches(".filterbar[method=get]")) return;
    [...event.formData].forEach(([name, value]) => { if (value === "") event.formData.delete(name); });
  });

  // What was wrong with a field is judged anew once it changes.
  document.addEventListener("input", (event) => event.target.removeAttribute("aria-invalid"));

  // What follows a form, such as its preview, takes an answer only while the form is as it was sent.
  // Aborting the request instead would log an error, and the server would work on all the same.
  const editions = new WeakMap();
  const touch = (form) => { if (form) editions.set(form, (editions.get(form) ?? 0) + 1); };
  document.addEventListener("input", (event) => touch(event.target.closest("form")));
  document.addEventListener("htmx:beforeRequest", (event) => {
    const follower = event.detail.elt.closest("[data-follows]");
    const form = follower && document.getElementById(follower.dataset.follows);
    if (form) event.detail.xhr.followed = { form, edition: editions.get(form) };
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const followed = event.detail.xhr.followed;
    if (!followed) touch(event.detail.target.closest("form"));
    else if (followed.edition !== editions.get(followed.form)) event.detail.shouldSwap = false;
  });

  // What somebody opened or closed stays so when its part of the page is replaced.
  const opened = new Map();
  document.addEventListener("toggle", (event) => { if (event.target.matches("details[id]")) opened.set(event.target.id, event.target.open); }, true);
  document.addEventListener("htmx:load", (event) => event.detail.elt.parentElement?.querySelectorAll("details[id]").forEach((details) => { details.open = opened.get(details.id) ?? details.open; }));

  // A form that was changed and not sent asks before it is left.
  let unsent = null;
  document.addEventListener("input", (event) => { if (event.target.form?.matches("[data-keep]")) unsent = event.target.form; });
  document.addEventListener("submit", () => { unsent = null; });
  window.addEventListener("beforeunload", (event) => { if (unsent?.isConnected) event.preventDefault(); });

  // Lists with the newest last show their end, unless somebody scrolled back in them.
  const toEnd = (list) => { list.scrollTop = list.scrollHeight; };
  document.querySelectorAll("[data-newest-last]").forEach(toEnd);
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const list = event.detail.target;
    if (!list.matches?.("[data-newest-last]")) return;
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 24;
    if (atEnd) setTimeout(() => toEnd(list));
  });

  document.addEventListener("htmx:sendError", () => say("The console cannot be reached. What is shown may be old."));
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail.xhr.status === 401) {
      say("You are signed out. Sign in again in another tab, then go on here: what you typed still stands.");
      return;
    }
    say(`The console answered with an error (${event.detail.xhr.status}). What is shown may be old.`);
  });
})();
